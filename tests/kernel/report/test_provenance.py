"""run_manifest.json: a finished run is recognised, damage is named, another run is refused."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.base.files import read_json, write_json
from lib.kernel.recipes.table import find_preset, load_recipe, make_config
from lib.kernel.report.manifest import find_damage, write_manifest
from lib.kernel.report.provenance import (
    check_same_run,
    hash_bundle,
    identify,
    is_finished,
    locked,
    read_identity,
)

IDENTITY = {"config": {"seed": 1, "lr": 0.1}, "data_sha256": "ab" * 32, "state_form": 2}
PRESET = find_preset("auto")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    (folder / "samples_v1").mkdir(parents=True)
    (folder / "submission.csv").write_text("id\n")
    (folder / "samples_v1" / "epoch_001.png").write_bytes(b"png")
    write_manifest(folder, IDENTITY)
    return folder


def test_manifest_lists_every_file_but_itself(output: Path) -> None:
    artefacts = read_json(output / "run_manifest.json")["artefacts"]
    assert sorted(artefacts) == ["samples_v1/epoch_001.png", "submission.csv"]


def test_damage_is_named(output: Path) -> None:
    manifest = read_json(output / "run_manifest.json")
    assert find_damage(output, manifest) == []
    (output / "submission.csv").write_text("di\n")
    (output / "samples_v1" / "epoch_001.png").unlink()
    assert find_damage(output, manifest) == [
        "samples_v1/epoch_001.png is missing",
        "submission.csv was changed",
    ]


def test_another_configuration_is_refused_and_named(output: Path) -> None:
    other = {"config": {"seed": 2, "lr": 0.1}, "data_sha256": IDENTITY["data_sha256"]}
    check_same_run(output, IDENTITY, IDENTITY, PRESET)
    with pytest.raises(InputError, match="seed: 1 against 2"):
        check_same_run(output, IDENTITY, other, PRESET)


def test_what_was_given_is_part_of_a_run_and_older_runs_know_nothing_of_it(output: Path) -> None:
    given = ({}, {"lr": 1e-4})
    auto = load_recipe("auto")
    now, rate = (identify(make_config("auto", each), auto, "ab" * 32) for each in given)
    older = {name: value for name, value in now["config"].items() if name != "given"}
    check_same_run(output, {**now, "config": older}, now, PRESET)
    assert rate != now
    for one, other in ((now, rate), (rate, now)):
        with pytest.raises(InputError, match="given: "):
            check_same_run(output, one, other, PRESET)


def test_other_data_are_refused(output: Path) -> None:
    with pytest.raises(InputError, match="data: abab"):
        check_same_run(output, IDENTITY, {**IDENTITY, "data_sha256": "cd" * 32}, PRESET)


@pytest.mark.parametrize("earlier", [{**IDENTITY, "state_form": 3}, {"config": IDENTITY["config"]}])
def test_a_state_of_other_networks_is_not_gone_on_from(
    output: Path, earlier: dict[str, object]
) -> None:
    earlier = {"data_sha256": IDENTITY["data_sha256"], **earlier}
    scratch = output.parent / "out.scratch"
    write_manifest(output, {**earlier, "bundle_sha256": "ef" * 32})
    assert is_finished(output, scratch, IDENTITY, "0" * 64, PRESET), (
        "what is finished needs no state"
    )
    (output / "submission.csv").write_text("damaged\n")
    with pytest.raises(InputError, match=r"whose networks were others(?s:.*)delete .*out.scratch"):
        is_finished(output, scratch, IDENTITY, "0" * 64, PRESET)
    (output / "run_manifest.json").unlink()
    scratch.mkdir()
    write_json(scratch / "identity.json", earlier)
    with pytest.raises(InputError, match="whose networks were others"):
        is_finished(output, scratch, IDENTITY, "0" * 64, PRESET)


def test_a_strangers_submission_is_never_overwritten(tmp_path: Path) -> None:
    assert read_identity(tmp_path, tmp_path / "scratch", PRESET) is None
    (tmp_path / "submission.csv").write_text("id\n")
    with pytest.raises(InputError, match="belongs to no run"):
        read_identity(tmp_path, tmp_path / "scratch", PRESET)


def _hold(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with locked(folder):
        ready.set()
        multiprocessing.Event().wait(60)


def _hold_beside_a_child(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with locked(folder):
        if os.fork():
            (folder / "child").write_text(str(os.getpid()))
        ready.set()
        multiprocessing.Event().wait(60)


@pytest.mark.parametrize("hold", [_hold, _hold_beside_a_child])
def test_the_lock_excludes_others_and_ends_with_its_process(
    tmp_path: Path, hold: Callable[..., None]
) -> None:
    """A child that outlives a killed run does not hold its folder."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(InputError, match="another run"), locked(tmp_path):
        pass
    holder.kill()
    holder.join()
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("key", ["config", "data_sha256", "state_form", "device"])
def test_a_manifest_that_was_changed_finishes_no_run(
    output: Path, tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own keys count as files do; what it says of the run is then taken from the scratch."""
    write_manifest(output, {**IDENTITY, "bundle_sha256": "", "device": "cpu"})
    scratch = tmp_path / "scratch"
    assert is_finished(output, scratch, IDENTITY, "", PRESET)
    write_json(scratch / "identity.json", IDENTITY)
    write_json(output / "run_manifest.json", {**read_json(output / "run_manifest.json"), key: {}})
    assert not is_finished(output, scratch, IDENTITY, "", PRESET)
    if key != "device":
        (scratch / "identity.json").unlink()
        with pytest.raises(InputError, match=f"run_manifest.json: '{key}' was changed"):
            is_finished(output, scratch, IDENTITY, "", PRESET)


def start(folder: Path, weights: str, *left: str) -> Path:
    """A scratch folder -> the same as a run by these weights that was stopped leaves it."""
    for name in left:
        write_json(folder / name, {})
    write_json(folder / "identity.json", by_weights(weights))
    return folder


def by_weights(name: str, **more: object) -> dict[str, object]:
    config = {**IDENTITY["config"], "weights_file": name, "weights_sha256": f"of {name}", **more}
    return {**IDENTITY, "config": config}


def test_a_run_that_has_not_trained_goes_on_with_other_weights(tmp_path: Path) -> None:
    """Past failure: a run by a wrong file locked its folder for the right one."""
    scratch = start(tmp_path / "scratch", "wrong.pth", "plan.json", "seconds.json")
    assert not is_finished(tmp_path / "out", scratch, by_weights("wrong.pth"), "", PRESET)
    assert (scratch / "plan.json").exists()
    assert not is_finished(tmp_path / "out", scratch, by_weights("right.pth"), "", PRESET)
    assert not (scratch / "plan.json").exists()  # it counted features of the other weights
    assert (scratch / "seconds.json").exists()


@pytest.mark.parametrize("left", ["train/checkpoint_00000010.pt", "sweep.json", "pool.npy"])
def test_what_was_chosen_by_fid_keeps_to_its_weights(tmp_path: Path, left: str) -> None:
    scratch = start(tmp_path / "scratch", "wrong.pth", "plan.json", left)
    with pytest.raises(InputError, match=r"weights_file: 'wrong.pth' against 'right.pth'"):
        is_finished(tmp_path / "out", scratch, by_weights("right.pth"), "", PRESET)
    assert (scratch / "plan.json").exists()


def test_a_run_that_has_not_trained_goes_on_with_mended_data(tmp_path: Path) -> None:
    """Past failure: data that were refused while decoding locked their folder for mended ones."""
    scratch = start(tmp_path / "scratch", "one.pth", "plan.json")
    mended = {**by_weights("one.pth"), "data_sha256": "c"}
    assert not is_finished(tmp_path / "out", scratch, mended, "", PRESET)
    assert not (scratch / "plan.json").exists()
    write_json(scratch / "pool.npy", {})
    with pytest.raises(InputError, match="data: abab"):
        is_finished(tmp_path / "out", scratch, mended, "", PRESET)


def test_other_weights_beside_another_option_are_refused(tmp_path: Path) -> None:
    scratch = start(tmp_path / "scratch", "wrong.pth", "plan.json")
    with pytest.raises(InputError, match="another configuration"):
        is_finished(tmp_path / "out", scratch, by_weights("right.pth", seed=2), "", PRESET)
    assert (scratch / "plan.json").exists()


def test_a_finished_run_keeps_its_weights(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_manifest(tmp_path / "out", by_weights("one.pth"))
    with pytest.raises(InputError, match="weights_file: 'one"):
        is_finished(tmp_path / "out", tmp_path / "scratch", by_weights("two.pth"), "", PRESET)


def test_an_edited_script_has_the_hash_of_its_text_now(capsys: pytest.CaptureFixture[str]) -> None:
    """An edit never passes for what was built; a lost last line end is no edit."""
    blank = f"# title\n# content sha256: {'0' * 64}\n\nprint(1)\n"
    built = hashlib.sha256(blank.encode()).hexdigest()
    text = blank.replace("0" * 64, built)
    assert hash_bundle(built, text) == hash_bundle(built, text.rstrip()) == built
    assert hash_bundle(built, "") == built
    assert capsys.readouterr().out == ""
    edited = hash_bundle(built, text.replace("print(1)", "print(2)"))
    assert edited == hashlib.sha256(blank.replace("1", "2").encode()).hexdigest()
    assert (
        f"edited since it was built; its content hash is {edited[:12]}" in capsys.readouterr().out
    )
