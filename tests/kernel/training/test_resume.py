"""A version's output attached as kernel_sources: training goes on from it, or the log says why."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from lib.base.files import read_json
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.report.provenance import identify
from lib.kernel.training.checkpoint import load_checkpoint, save_checkpoint
from lib.kernel.training.resume import STATE, import_state
from tests.local_runs import UNCURATED, call, copy_sources, list_options, write_input

OPTIONS = [*list_options("pixel"), *UNCURATED]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sources and an input folder in which a first version's output is attached."""
    place = tmp_path_factory.mktemp("continuation")
    sources, source = copy_sources(place / "sources"), write_input(place / "input")
    words = ["--input", str(source), "--output", str(place / "first")]
    done = call(sources, "build.py", "run", *words, *OPTIONS)
    assert done.returncode == 0, done.stderr
    shutil.copytree(place / "first", source / "first-version")
    return sources, source


def test_a_second_version_goes_on(earlier: tuple[Path, Path], tmp_path: Path) -> None:
    sources, source = earlier
    words = ["--input", str(source), "--output", str(tmp_path / "second"), *OPTIONS]
    done = call(sources, "build.py", "run", *words, "--set", "steps=9")
    assert done.returncode == 0, done.stderr
    assert "of training in first-version, an earlier version's output" in done.stdout
    assert "goes on from step 6" in done.stdout
    assert "all 9 steps done" in done.stdout
    history = [path.name for path in (tmp_path / "second" / STATE).iterdir()]
    assert history == ["checkpoint_000000009.pt"]


def test_what_differs_is_not_taken_up(
    earlier: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, source = earlier
    manifest = read_json(source / "first-version" / "run_manifest.json")
    identity = {name: manifest[name] for name in ("config", "data_sha256", "state_form")}
    recipe, same = load_recipe("pixel"), tmp_path / "same"
    assert import_state(source, same, recipe, identity, on_gpu=False) > 0
    # A resumed run keeps to it.
    assert import_state(source, same, recipe, {}, on_gpu=False) > 0
    for other, on_gpu in (
        ({**identity, "data_sha256": "0" * 64}, False),
        ({**identity, "config": {**manifest["config"], "lr": 0.5}}, False),
        ({**identity, "config": {**manifest["config"], "image_px": 64}}, False),
        ({**identity, "state_form": 99}, False),
        (identity, True),  # its networks would have other sizes
    ):
        assert import_state(source, tmp_path / "other", recipe, other, on_gpu) == 0.0
        assert not (tmp_path / "other").exists()
    said = capsys.readouterr().out
    assert "first-version: not taken up, it differs in data" in said
    assert "first-version: not taken up, it differs in lr" in said
    assert "first-version: not taken up, it differs in its version's networks" in said
    assert "first-version: not taken up, it differs in GPU or CPU" in said


def attach(source: Path, name: str, identity: dict[str, object], seconds: float) -> None:
    """An earlier version's output of that name, whose state trained so long."""
    (source / name / STATE).mkdir(parents=True)
    save_checkpoint(source / name / STATE, 1, {"standing": {"seconds": seconds}})
    manifest = {**identity, "device": "cpu"}
    (source / name / "run_manifest.json").write_text(json.dumps(manifest))


def test_of_several_versions_the_one_that_trained_longest_is_taken_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, source, work = load_recipe("pixel"), tmp_path / "input", tmp_path / "work"
    identity = identify(make_config("pixel", {}), recipe, "ab" * 32)
    for name, seconds in (("a", 5.0), ("b/deep", 9.0), ("c", 7.0), ("d", 9.0), ("f", 0.0)):
        attach(source, name, identity, seconds)
    attach(source, "e", {**identity, "data_sha256": "0" * 64}, 99.0)
    assert import_state(source, work, recipe, identity, on_gpu=False) == 9.0
    differs, taken = capsys.readouterr().out.splitlines()
    assert differs == "train: e: not taken up, it differs in data"
    words = "takes up 9.0 s of training in b/deep, an earlier version's output"
    assert taken == f"train: {words}; of 5 that fit it has trained longest"
    note = read_json(work / "continued.json")
    assert note == {"seconds": 9.0, "from": "b/deep"}
    assert load_checkpoint(work, torch.device("cpu"))["standing"] == {"seconds": 9.0}


def test_only_version_that_fits_is_told_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, source = load_recipe("pixel"), tmp_path / "input"
    identity = identify(make_config("pixel", {}), recipe, "ab" * 32)
    attach(source, "a", identity, 5.0)
    attach(source, "b", {**identity, "state_form": 99}, 9.0)
    assert import_state(source, tmp_path / "work", recipe, identity, on_gpu=False) == 5.0
    assert capsys.readouterr().out.endswith("of training in a, an earlier version's output\n")


@pytest.mark.parametrize(("recipe", "is_taken"), [("pixel", False), ("r3gan", True)])
def test_a_state_from_before_codes_serves_the_recipes_that_have_none(
    earlier: tuple[Path, Path], tmp_path: Path, recipe: str, is_taken: bool
) -> None:
    source = tmp_path / "input"
    shutil.copytree(earlier[1] / "first-version", source / "first-version")
    path = source / "first-version" / "run_manifest.json"
    manifest = read_json(path)
    config = {**manifest["config"], "recipe": recipe}
    older = {name: value for name, value in config.items() if name != "clusters"}
    del manifest["state_form"]
    path.write_text(json.dumps({**manifest, "config": older}))
    own = load_recipe(recipe)
    identity = {"config": config, "data_sha256": manifest["data_sha256"]}
    identity["state_form"] = own.state_form
    assert (import_state(source, tmp_path / "work", own, identity, on_gpu=False) > 0) == is_taken


@pytest.mark.parametrize(
    ("before", "now", "differing"),
    [
        ({}, {}, ""),
        ({"lr": 5e-3}, {"lr": 5e-3}, ""),
        ({}, {"tail": 0.0}, ""),  # of drawing alone: no state depends on it
        ({}, {"lr": 1e-4}, "lr, which only one was given"),
        ({"lr": 5e-3}, {"lr": 5e-3, "width": 64}, "width, which only one was given"),
        ({}, {"lr": 5e-3}, "lr"),
    ],
)
@pytest.mark.parametrize("is_older", [True, False])
def test_a_state_of_auto_is_of_what_was_given(
    earlier: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    before: dict[str, float],
    now: dict[str, float],
    differing: str,
    is_older: bool,
) -> None:
    """An older version's manifest does not say what was given: what differs from auto's row was."""
    source, auto = tmp_path / "input", load_recipe("auto")
    identity = identify(make_config("auto", now), auto, "ab" * 32)
    shutil.copytree(earlier[1] / "first-version", source / "first-version")
    path = source / "first-version" / "run_manifest.json"
    manifest = {**read_json(path), **identify(make_config("auto", before), auto, "ab" * 32)}
    if is_older:
        del manifest["config"]["given"]
    path.write_text(json.dumps(manifest))
    taken_s = import_state(source, tmp_path / "work", auto, identity, on_gpu=False)
    assert (taken_s > 0) == (not differing)
    assert (
        capsys.readouterr()
        .out.rstrip()
        .endswith(f"it differs in {differing}" if differing else "an earlier version's output")
    )
