"""`runs --export trackio` without trackio: what it says, and what it would give to it.

What the real package makes of it is seen in tests/kaggle/test_trackio_itself.py.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lib.base.tensor_files import write_state
from lib.commands.on_kaggle.describe_for_trackio import TrackioRun, describe_runs
from lib.commands.on_kaggle.open_workspace import OWN_COLUMNS, OWN_OLD_NAMES
from lib.commands.on_kaggle.runs_trackio import collect_told, name_project
from lib.commands.on_kaggle.training_history import STATE, list_steps
from lib.kaggle.ledger import LEDGER, append_event
from lib.kaggle.workspace import Workspace
from lib.kernel.training import resume
from tests.kaggle_place import METADATA

ROOT = Path(__file__).parents[2]
REF = "ada/tiny-test-kernel"
PUSH = {
    "recipe": "pixel",
    "overrides": ["lr=5e-4", "depth=12"],
    "config": {"recipe": "pixel", "lr": 5e-4, "minutes": 90.0, "given": ["lr"], "width": None},
    "commit": "c0" * 20,
    "machine_shape": "NvidiaTeslaT4",
    "bundle_sha256": "b" * 64,
    "label": "pixel",
}
PACK = [
    {"name": "low", "overrides": ["lr=1e-4"], "config": {"lr": 1e-4}},
    {"name": "high", "overrides": ["lr=1e-3"], "config": {"lr": 1e-3}},
]


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps({**METADATA, "id": REF}))
    return Workspace(tmp_path, columns=OWN_COLUMNS, best="low", old_names=OWN_OLD_NAMES)


def tell(work: Workspace, event: str, version: int, ref: str = REF, **facts: Any) -> None:
    append_event(work.root / LEDGER, event, ref, version, **facts)


def describe(work: Workspace) -> list[TrackioRun]:
    return describe_runs(collect_told(work), name_project(work)[1])


def find(work: Workspace, name: str) -> TrackioRun:
    (found,) = [run for run in describe(work) if run.name == name]
    return found


@pytest.mark.skipif(importlib.util.find_spec("trackio") is not None, reason="trackio is installed")
def test_two_lines_say_how_trackio_comes(tmp_path: Path) -> None:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps(METADATA))
    words = ["build.py", "runs", "--entry", str(tmp_path / "x.py"), "--export", "trackio"]
    (tmp_path / "x.py").write_text("")
    ended = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        "error: runs: trackio is not installed, got no trackio",
        "  cure: python -m pip install trackio",
    ]


def test_a_version_becomes_a_run(work: Workspace) -> None:
    tell(work, "push", 3, **PUSH)
    tell(work, "fetch", 3, status="COMPLETE", minutes=61.5, metrics={"fid": 0.0038, "floor": 0.002})
    tell(work, "score", 3, result="COMPLETE", public="0.0041", private="")
    tell(work, "place", 3, place=7, teams=120)
    run = find(work, "v3")
    measured = {"fid": 0.0038, "floor": 0.002, "fid_per_floor": 1.9, "place": 7, "teams": 120}
    assert run.values == {"minutes": 61.5, "public": 0.0041, **measured}
    told = {key: PUSH[key] for key in ("recipe", "commit", "machine_shape", "bundle_sha256")}
    told |= {"overrides": "lr=5e-4, depth=12", "lr": 5e-4, "status": "COMPLETE", "given": "lr"}
    told |= {"minutes": 90.0, "ref": REF, "version": 3, "label": "pixel", "submission": "scored"}
    assert told.items() <= run.config.items()
    assert not {"width", "config", "folder", "comparison", "private"} & run.config.keys()
    assert run.rows == [(0, run.values)]
    assert run.when == run.config["_Created"]
    assert name_project(work)[0] == "tiny-test-kernel"


def test_each_variant_of_a_pack_is_a_run(work: Workspace) -> None:
    tell(work, "push", 4, recipe="pixel", variants=PACK)
    tell(work, "fetch", 4, variant="low", metrics={"fid": 2.5}, status="COMPLETE")
    tell(work, "fetch", 4, variant="high", metrics={"fid": float("nan")}, status="ERROR")
    low, high = find(work, "v4/low"), find(work, "v4/high")
    assert (low.config["lr"], high.config["lr"]) == (1e-4, 1e-3)
    assert (low.values, high.values) == ({"fid": 2.5}, {})
    assert (low.config["status"], high.config["status"]) == ("COMPLETE", "ERROR")
    assert high.rows == [(0, {})], "a run without numbers is there all the same"


def test_names_tell_kernels_and_kernels_made_anew_apart(work: Workspace) -> None:
    tell(work, "push", 1, recipe="pixel")
    tell(work, "push", 1, "ada/tiny-test-kernel-lr-1", recipe="pixel")
    tell(work, "delete", 1)
    tell(work, "push", 1, recipe="r3gan")
    tell(work, "pushing", 2, push_id="a1", recipe="pixel")  # has no version so far
    runs = describe(work)
    assert [run.config["recipe"] for run in runs if run.name == "v1"] == ["r3gan"]
    (earlier,) = [run for run in runs if run.name.startswith("v1 of 20")]
    assert earlier.config["status"] == "DELETED"
    assert "tiny-test-kernel-lr-1/v1" in {run.name for run in runs}
    assert len({run.id for run in runs}) == len({run.origin for run in runs}) == len(runs) == 3


def test_an_id_names_what_is_known_and_its_beginning_the_run(work: Workspace) -> None:
    tell(work, "push", 1, recipe="pixel")
    before = find(work, "v1")
    assert find(work, "v1").id == before.id
    tell(work, "push", 2, recipe="pixel")
    assert find(work, "v1").id == before.id, "another run is no news of this one"
    tell(work, "fetch", 1, metrics={"fid": 2.5})
    after = find(work, "v1")
    assert after.origin == before.origin
    assert after.id != before.id


def test_the_curves_of_our_kernels_come_from_the_checkpoint_that_they_leave(
    work: Workspace,
) -> None:
    tell(work, "push", 1, recipe="pixel")
    folder = work.locate_run(REF, 1)
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"fid": 2.5, "floor": 1.5}))
    history = [{"step": 5, "seconds": 1.5, "nll": 6.0}, {"step": 9, "nll": 4.0, "fid": 3.0}]
    write_state(folder / STATE / "checkpoint_000000004.pt", {"standing": {"history": []}})
    newest = folder / STATE / "checkpoint_000000009.pt"
    write_state(newest, {"learner": torch.zeros(2), "standing": {"history": history}})
    run = find(work, "v1")
    assert run.steps == [
        (5, {"train/seconds": 1.5, "train/nll": 6.0}),
        (9, {"train/nll": 4.0, "train/fid": 3.0}),
    ]
    assert run.rows[-1] == (9, {"fid": 2.5, "floor": 1.5, **run.values})
    assert STATE == resume.STATE


def test_a_damaged_checkpoint_is_named_and_costs_the_curves_alone(
    work: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(work, "push", 1, recipe="pixel")
    folder = work.locate_run(REF, 1)
    (folder / STATE).mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"fid": 2.5, "floor": 1.5}))
    (folder / STATE / "checkpoint_000000009.pt").write_bytes(b"torn")
    assert find(work, "v1").values["fid"] == 2.5
    assert capsys.readouterr().out.splitlines() == [
        f"runs: {REF} 1: its curves are left out, checkpoint_000000009.pt is damaged"
    ]


def test_a_project_of_entry_has_its_columns_and_its_own_history(tmp_path: Path) -> None:
    (tmp_path / "kernel-metadata.json").write_text(json.dumps({**METADATA, "id": REF}))
    work = Workspace(tmp_path, columns=("loss", "note"), best="low", entry="x.py")
    tell(work, "push", 1, label="x.py", entry="x.py", commit="c0" * 20)
    columns = {"loss": 0.25, "note": "good\x1b[2J", "minutes": 3}
    tell(work, "fetch", 1, metrics=columns, minutes=2.5, verified=False, status="COMPLETE")
    tell(work, "score", 1, public="0.75", private="nan")
    folder = work.locate_run(REF, 1)
    folder.mkdir(parents=True)
    metrics = {"loss": 0.25, "history": [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.25}]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    run = find(work, "v1")
    assert run.values == {"minutes": 2.5, "metrics.minutes": 3, "loss": 0.25, "public": 0.75}
    assert run.steps == [(10, {"train/loss": 0.5}), (20, {"train/loss": 0.25})]
    assert run.config["note"] == "good?[2J"
    assert run.config["verified"] is False


def test_a_project_without_metadata_has_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "my project!").mkdir()
    work = Workspace(tmp_path / "my project!", entry="x.py")
    tell(work, "push", 1, label="x.py")
    assert name_project(work) == ("my-project", "")
    assert [run.name for run in describe(work)] == ["tiny-test-kernel/v1"]


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        ([{"loss": 2.0}, {"loss": 1.0}], [(0, {"train/loss": 2.0}), (1, {"train/loss": 1.0})]),
        ({"a": [1, 2], "b": [3], "c": 4}, [(0, {"train/a": 1, "train/b": 3}), (1, {"train/a": 2})]),
        ([{"step": 3, "a": float("nan"), "b": None, "c": True, "d": "x"}], []),
        ([{"step": 1e300, "a": 1}, {"step": 10**400, "a": 1}, 7, None], [(1, {"train/a": 1})]),
        ([{"step": 1, "a\n\x1b": 1, "\ud800": 2}], [(1, {"train/a??": 1, "train/?": 2})]),
        *((junk, []) for junk in (None, 3, "x", {}, [], {"a": {}}, [[]], [{}])),
    ],
)
def test_histories_of_any_form(history: object, steps: object) -> None:
    assert list_steps(history) == steps


@pytest.mark.parametrize(
    "value", [None, True, -1, 1e400, 10**400, "x\x1b[2J\n\ud800", [], [1, {}], {"a": {}}, [[None]]]
)
@pytest.mark.parametrize("event", ["push", "fetch", "score", "submitting", "status"])
def test_a_line_of_wrong_types_harms_no_run(work: Workspace, event: str, value: object) -> None:
    keys = ["time", "status", "label", "recipe", "overrides", "config", "_x", "variants", "public"]
    keys += ["minutes", "metrics", "verified", "bundle_sha256", "fid", "machine_shape", "x\u202e"]
    line = {"event": event, "ref": REF, "version": 2, **dict.fromkeys(keys, value)}
    tell(work, "push", 1, recipe="pixel")
    tell(work, "push", 2, recipe="pixel")
    with (work.root / LEDGER).open("a") as file:
        for change in ({}, {"version": 3}, {"metrics": {"fid": value, "x": value}}):
            file.write(json.dumps({**line, **change}) + "\n")
    for entry in ("", "x.py"):
        runs = describe(Workspace(work.root, columns=("fid", "x"), entry=entry))
        assert "v1" in {run.name for run in runs}
        for run in runs:
            told = json.dumps([run.name, run.config, run.rows], allow_nan=False, ensure_ascii=False)
            assert told.isprintable()
            assert all(isinstance(each, (str, int, float)) for each in run.config.values())
            assert all(abs(each) < 1 << 63 for each in run.config.values() if type(each) is int)
