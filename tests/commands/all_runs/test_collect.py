"""Runs are found wherever they are, best first; what is no run is named, and nothing crashes."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.commands.all_runs.collect import collect_runs
from lib.commands.all_runs.row import KEYS, RunRow
from lib.kaggle.ledger import LEDGER, append_event
from lib.kaggle.workspace import Workspace
from tests.commands.all_runs.made_runs import REF, fetch, push, write_run
from tests.local_runs import QUICK, call, copy_sources, list_options, write_input


def collect(root: Path) -> dict[str, RunRow]:
    return {row.name: row for row in collect_runs(Workspace(root)).rows}


def list_notes(root: Path) -> str:
    return "\n".join(collect_runs(Workspace(root)).notes)


def test_runs_of_ledger_and_folders_stand_best_first(tmp_path: Path) -> None:
    for version, fid in ((1, 0.02), (2, 0.01), (3, 0.03)):
        push(tmp_path, version, lr=1e-3 * version)
        fetch(tmp_path, version, fid)
    append_event(tmp_path / LEDGER, "score", REF, 3, public="9.5", private="10.25")
    write_run(tmp_path / "build" / "demo", 1, fid=0.015)
    write_run(tmp_path / "build" / "quick", 2, fid=0.0001, weights_file="random")
    write_run(tmp_path / "runs" / "gan-challenge" / "v2", 3, fid=0.5, verdict={"answer": "submit"})
    rows = collect(tmp_path)
    names = [
        "gan-challenge/v3",
        "gan-challenge/v2",
        "build/demo",
        "gan-challenge/v1",
        "build/quick",
    ]
    assert list(rows) == names
    best, fetched, local = (rows[name] for name in names[:3])
    assert (best.public, best.private, best.submission) == (9.5, 10.25, "scored")
    assert (fetched.fid, fetched.minutes, fetched.kind) == (0.01, 42.0, "kaggle")
    assert fetched.verdict is not None
    assert (fetched.data_sha256, fetched.seed, fetched.samples) == ("d" * 64, 0, 1000)
    assert (local.kind, local.minutes, local.recipe, local.when) == (
        *("local", 2.0, "pixel"),
        "2023-11-14T22:14:20+00:00",
    )
    assert fetched.differs == ("lr: 0.002 against 0.001",)
    assert fetched.differs_from == "gan-challenge/v1"
    assert best.comparison is not None
    assert best.comparison.words == (
        "FID 0.03, 10.0 times its floor; the best of 3 runs before of the same competition has "
        "0.01 (v2, pixel): worse by 200 %; not comparable: 1 (random weights)"
    )
    for row in rows.values():
        assert list(row.as_json()) == list(KEYS)
        json.dumps(row.as_json(), allow_nan=False)


def test_first_run_of_a_recipe_is_compared_with_the_defaults(tmp_path: Path) -> None:
    write_run(tmp_path / "build" / "a", 1, lr=0.5, weights_sha256="b" * 64)
    write_run(tmp_path / "build" / "b", 2, recipe="r3gan")
    rows = collect(tmp_path)
    assert rows["build/a"].differs_from == "the defaults of recipe pixel"
    assert "lr: 0.5 against 0.002" in (rows["build/a"].differs or ())
    assert f"weights_sha256: '{'b' * 12}...' against '0cc3c7bd'" in (rows["build/a"].differs or ())
    assert rows["build/b"].differs_from == "the defaults of recipe r3gan"


def test_the_same_script_again_differs_in_nothing_and_another_in_code(tmp_path: Path) -> None:
    for version in (1, 2):
        push(tmp_path, version)
    append_event(tmp_path / LEDGER, "push", REF, 3, **collect_push(tmp_path, 2))
    rows = collect(tmp_path)
    assert rows["gan-challenge/v2"].differs == ("code: another script of the same configuration",)
    assert rows["gan-challenge/v3"].differs == ()


def collect_push(root: Path, version: int) -> dict[str, object]:
    push = Workspace(root).find_push(REF, version) or {}
    return {key: push[key] for key in ("config", "recipe", "bundle_sha256", "commit", "overrides")}


def test_kernel_created_anew_keeps_the_folder_for_its_latest_version(tmp_path: Path) -> None:
    push(tmp_path, 1)
    fetch(tmp_path, 1, 0.5)
    push(tmp_path, 1, lr=0.5)
    fetch(tmp_path, 1, 0.25)
    write_run(tmp_path / "runs" / "gan-challenge" / "v1", 1)
    rows = collect_runs(Workspace(tmp_path)).rows
    assert [(row.fid, row.folder is not None) for row in rows] == [(0.25, True), (0.5, False)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 200_000, "it is no JSON"),
        (b"[1, 2]", "it is no JSON object"),
        (b'{"accuracy": 0.9}', "not of a run made here"),
        (b" " * (8 << 20) + b"{}", "larger than 8 MB"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_damaged_or_foreign_metrics_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    write_run(tmp_path / "build" / "good", 1)
    folder = tmp_path / "build" / "bad"
    folder.mkdir()
    (folder / "metrics.json").write_bytes(content)
    assert list(collect(tmp_path)) == ["build/good"]
    (note,) = collect_runs(Workspace(tmp_path)).notes
    assert note.startswith("build/bad: metrics.json is ")
    assert words in note


def test_report_of_something_else_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "build" / "coverage").mkdir(parents=True)
    (tmp_path / "build" / "coverage" / "report.html").write_text("<title>Coverage</title>")
    assert collect(tmp_path) == {}
    assert "build/coverage: report.html is not of a run made here" in list_notes(tmp_path)


def test_links_and_pipes_are_named_and_never_followed(tmp_path: Path) -> None:
    outside = write_run(tmp_path / "outside", 1)
    root = tmp_path / "root"
    write_run(root / "build" / "good", 1)
    (root / "build" / "whole").symlink_to(outside)
    for name in ("a", "b", "c"):
        (root / "build" / name).mkdir()
    (root / "build" / "a" / "metrics.json").symlink_to(outside / "metrics.json")
    (root / "build" / "good" / "real.png").unlink()
    (root / "build" / "good" / "real.png").symlink_to(outside / "real.png")
    (root / "build" / "loop").symlink_to(root / "build")
    os.mkfifo(root / "build" / "b" / "metrics.json")
    (root / "runs").symlink_to(tmp_path / "outside")
    assert list(collect(root)) == ["build/good"]
    notes = list_notes(root)
    for name in ("build/whole", "build/a/metrics.json", "build/loop", "runs"):
        assert f"{name}: a link, which is not followed" in notes
    assert "build/b: metrics.json is no plain file" in notes


def test_folder_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser may read all, so the refusal is made here."""
    write_run(tmp_path / "build" / "good", 1)
    (tmp_path / "build" / "shut").mkdir()
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(collect(tmp_path)) == ["build/good"]
    assert "build/shut: Permission denied" in list_notes(tmp_path)


def test_environments_and_what_runs_leave_for_themselves_are_passed_over(tmp_path: Path) -> None:
    for name in ("build/env", "build/a.scratch", "build/.part"):
        write_run(tmp_path / name, 1)
    (tmp_path / "build" / "env" / "pyvenv.cfg").touch()
    assert collect(tmp_path) == {}


def test_names_that_no_terminal_prints_become_question_marks(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\x1b[31m\nb\xff")
    write_run(tmp_path / "build" / name, 1)
    assert list(collect(tmp_path)) == ["build/a?[31m?b?"]


def test_odd_values_become_unknown_ones(tmp_path: Path) -> None:
    odd = {
        "fid": 10**400,
        "floor": float("nan"),
        "seconds": ["x"],
        "samples": 1.5,
        "seed": True,
        "random_weights": "no",
        "recipe": ["a"],
        "verdict": {"answer": 1},
        "trained": {},
    }
    folder = write_run(tmp_path / "build" / "odd", 1, given=[[1], {}])
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, **odd}))
    (row,) = collect(tmp_path).values()
    assert (row.fid, row.floor, row.minutes, row.samples, row.seed) == (None, None, None, 1000, 0)
    assert (row.random_weights, row.recipe, row.verdict, row.trained) == (
        False,
        "pixel",
        None,
        None,
    )
    json.dumps(row.as_json(), allow_nan=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = ("fid", "floor", "recipe", "config", "seconds", "verdict", "samples", "competition")


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_json_is_shown_or_left_out(metrics: dict, manifest: dict) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "build" / "a"
        place.mkdir(parents=True)
        (place / "metrics.json").write_text(json.dumps(metrics))
        (place / "run_manifest.json").write_text(json.dumps(manifest))
        for row in collect_runs(Workspace(Path(folder))).rows:
            json.dumps(row.as_json(), allow_nan=False)


@pytest.mark.slow
def test_a_real_run_and_one_that_was_cut_short(tmp_path: Path) -> None:
    """A run by build.py; without its last files it is what an interrupted one leaves."""
    root = copy_sources(tmp_path / "root")
    source = write_input(tmp_path / "input")
    words = ["run", "--input", str(source), "--output", "build/whole", *list_options(QUICK)]
    ended = call(root, "build.py", *words)
    assert ended.returncode == 0, ended.stderr
    (root / "build" / "half").mkdir()
    for name in ("report.html", "generated.png"):
        (root / "build" / "half" / name).write_bytes((root / "build" / "whole" / name).read_bytes())
    (root / "build" / "whole.scratch").rename(root / "build" / "half.scratch")
    rows = collect(root)
    whole, half = rows["build/whole"], rows["build/half"]
    metrics = json.loads((root / "build" / "whole" / "metrics.json").read_text())
    assert (whole.fid, whole.floor) == (metrics["fid"], metrics["floor"])
    assert whole.minutes == pytest.approx(sum(metrics["seconds"].values()) / 60)
    assert (whole.status, whole.recipe, whole.random_weights) == ("COMPLETE", QUICK, True)
    assert "samples: 12 against 1000" in (whole.differs or ())
    assert (half.status, half.recipe, half.fid, half.seed) == ("UNFINISHED", QUICK, None, 0)
    assert half.config == whole.config
