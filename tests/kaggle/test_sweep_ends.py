"""Ends of a sweep's runs: on which machine, with which failures, and after a kernel was deleted."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from lib.base.errors import PipelineError
from lib.base.files import sha256_bytes
from lib.base.terminal import as_printable
from lib.kaggle.client.secrets import clean_words
from lib.kaggle.client.submissions import Checked
from lib.kaggle.push import Cargo, choose_machine, push_cargo
from lib.kaggle.runs_table import fold_events
from lib.kaggle.submit_run import submit_and_record
from lib.kaggle.sweeps import push_variants
from lib.kaggle.sweeps.delete_sweep import delete_swept, find_swept
from lib.kaggle.sweeps.push_variants import Variant, sweep
from tests.kaggle_place import (
    QUICK,
    REF,
    Place,
    find_bundle,
    make_script,
    open_place,
    play_complete,
)
from tests.kaggle_state import KEY, Version

OURS = f"{REF}-pixel-lr-1e-4"
NAMES = ("one", "two")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_small
        yield place


def play_small(version: Version, errors: dict[str, str] | None = None) -> None:
    """A new version -> ended, with a manifest; of a pack where errors of variants are given."""
    play_complete(version)
    version.outputs = {f"{name}/a.txt": name.encode() for name in errors or {"one": ""}}
    digests = {name: sha256_bytes(content) for name, content in version.outputs.items()}
    whole = {"bundle_sha256": find_bundle(version.request["text"]), "artefacts": digests}
    if errors:
        whole["variants"] = {n: {"valid": not e, "error": e} for n, e in errors.items()}
        version.statuses = ["COMPLETE" if "" in errors.values() else "ERROR"]
    version.outputs["run_manifest.json"] = json.dumps(whole).encode()


def run_sweep(place: Place, accelerator: str | None = None, is_pack: bool = False) -> list[str]:
    """Run a sweep of one kernel; return its failures."""

    def make() -> Cargo:
        cargo = place.make_cargo(make_script())
        rows = [{"name": name} for name in NAMES]
        return replace(cargo, facts={**cargo.facts, "variants": rows}) if is_pack else cargo

    metadata = choose_machine(place.metadata, accelerator)
    variants = [Variant("pixel", ("lr=1e-4",), make)]
    return sweep(place.work, place.session, metadata, variants, "aaaa0001")


def test_a_sweep_on_another_machine_is_pushed_there(place: Place) -> None:
    """It was called the same run, for only the source was compared."""
    run_sweep(place)
    run_sweep(place, "NvidiaTeslaP100")
    run_sweep(place, "NvidiaTeslaP100")
    asked = [version.request["machineShape"] for version in place.server.versions[OURS]]
    assert asked == ["NvidiaTeslaT4", "NvidiaTeslaP100"]


def test_two_sweeps_at_once_push_each_kernel_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked into the ledger, found nothing, and pushed."""
    both = Barrier(2)

    def look_together(*given: Any) -> Any:
        with suppress(BrokenBarrierError):  # held up by the lock the other one never looks
            both.wait(timeout=1.0)
        return push_cargo(*given)

    monkeypatch.setattr(push_variants, "push_cargo", look_together)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(run_sweep, place) for _ in range(2)]:
            assert done.result() == []
    assert len(place.server.versions[OURS]) == 1


def test_a_kernel_that_another_command_built_is_not_sent_for_this_one(place: Place) -> None:
    """All commands build one file: a push sent what a sweep had just built there."""
    cargo = place.make_cargo(make_script())
    cargo = replace(cargo, text=cargo.read())
    other = place.make_cargo(make_script(more="# of another command\n"))
    assert other.source == cargo.source
    pushed = push_cargo(place.work, place.session, place.metadata, cargo)
    (version,) = place.server.versions[REF]
    assert version.request["text"] == cargo.text
    push = place.work.find_push(REF, pushed.version)
    assert push
    assert push["source_sha256"] == sha256_bytes(cargo.text.encode())


def test_a_pack_in_which_both_fail_counts_as_two_failures(place: Place) -> None:
    """It was "1 of 2 runs failed"."""
    errors = dict.fromkeys(NAMES, "error: decode: no shards")
    place.server.play = lambda version: play_small(version, errors)
    failures = run_sweep(place, is_pack=True)
    assert failures == [f"{name}: error: decode: no shards" for name in NAMES]


def test_a_pack_that_cannot_be_fetched_counts_as_two_failures(place: Place) -> None:
    def play(version: Version) -> None:
        play_small(version, dict.fromkeys(NAMES, ""))
        version.outputs["one/a.txt"] += b"changed"

    place.server.play = play
    failures = run_sweep(place, is_pack=True)
    assert [failure.split(":")[0] for failure in failures] == list(NAMES)


@pytest.mark.parametrize("word", [KEY, "a sign"])
def test_what_a_variant_says_of_its_error_goes_through_the_door(place: Place, word: str) -> None:
    """An error with a key or signs for the terminal was shown as it was."""
    leak = f"error: {word} \x1b]0;x\x07 end"
    place.server.play = lambda version: play_small(version, {"one": leak, "two": ""})
    (failure,) = run_sweep(place, is_pack=True)
    said = clean_words(as_printable(leak), place.session.secrets)
    assert failure == f"one: {said}"

    def check(folder: Path, push: dict[str, Any] | None) -> Checked:
        return Checked(folder, "", "", "")

    with pytest.raises(PipelineError, match="one failed in this pack") as caught:
        submit_and_record(place.work, place.session, OURS, 1, "x", False, check, "one")
    assert caught.value.got == said
    assert KEY not in said
    assert "\x1b" not in said


@pytest.mark.parametrize("is_pack", [False, True])
def test_a_sweep_whose_kernel_was_deleted_ends_soon_and_can_be_made_anew(
    place: Place, is_pack: bool
) -> None:
    """It asked for hours, for a kernel that is new may be invisible, too."""
    if is_pack:
        place.server.play = lambda version: play_small(version, dict.fromkeys(NAMES, ""))
    quick = replace(place, work=replace(place.work, patience=replace(QUICK, grace_s=0.1)))
    run_sweep(quick, is_pack=is_pack)
    run_sweep(quick, "NvidiaTeslaP100", is_pack=is_pack)
    place.server.versions.clear()
    failures = run_sweep(quick, is_pack=is_pack)
    assert len(failures) == 1 + is_pack
    assert all("version 1 is not on Kaggle (HTTP 404" in failure for failure in failures)
    assert place.server.count("SaveKernel") == 2
    kernels = find_swept(place.work, place.session, place.metadata, "aaaa0001")
    assert delete_swept(place.work, place.session, "aaaa0001", kernels) == {OURS: "gone"}
    assert {run.status for run in fold_events(place.work.read_ledger())} == {"DELETED"}
    assert run_sweep(quick, is_pack=is_pack) == []
    assert place.server.count("SaveKernel") == 3


def test_a_kernel_that_is_invisible_at_first_is_waited_for(place: Place) -> None:
    place.server.fail("GetKernelSessionStatus", code=404, times=3)
    assert run_sweep(place) == []
    assert place.server.count("SaveKernel") == 1
