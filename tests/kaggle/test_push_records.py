"""A push cut off between Kaggle's yes and the ledger's line: found again, never made twice."""

import fcntl
import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.base.errors import PipelineError
from lib.commands.on_kaggle.runs import list_runs
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.save_kernel import is_same_source
from lib.kaggle.ledger import LEDGER, list_pending
from lib.kaggle.runs_table import fold_events
from lib.kaggle.settle import settle_pushes
from lib.kaggle.workspace import Workspace
from lib.kernel.recipes.table import DEFAULT_RECIPE
from tests.kaggle_place import REF, Place, open_place, play_complete
from tests.kaggle_prompt import Prompt, open_prompt
from tests.kaggle_state import Version

MAIN = "ada/kernelpress-gan-challenge"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path)


def kill_the_push(prompt: Prompt, arrives: bool) -> None:
    """Whether Kaggle takes it -> a push that dies while it waits for the answer."""
    process = prompt.start_build("push", "--allow-dirty")
    usual = prompt.server.answer

    def kill(name: str, body: dict[str, object]) -> dict[str, object]:
        if name != "SaveKernel":
            return usual(name, body)
        answer = usual(name, body) if arrives else {}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return answer

    prompt.server.answer = kill  # type: ignore[method-assign]
    with process:
        process.communicate(timeout=200)
    prompt.server.answer = usual  # type: ignore[method-assign]
    assert process.returncode == -signal.SIGKILL
    assert len(prompt.server.versions.get(MAIN, [])) == arrives
    assert [e["event"] for e in Workspace(prompt.root).read_ledger()] == ["pushing"]


def test_killed_push_that_arrived_is_taken_up_by_the_next_one(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    kill_the_push(prompt, arrives=True)
    shown = prompt.build("push", "--allow-dirty", "--wait")
    assert "it arrived: ada/kernelpress-gan-challenge version 1" in shown
    assert "nothing new is sent" in shown
    assert "complete; next: python build.py fetch" in shown
    assert prompt.server.count("SaveKernel") == 1
    assert len(prompt.build("runs").splitlines()) == 2


@pytest.mark.parametrize("words", [("runs",), ("watch",)], ids=str)
def test_killed_push_is_recorded_by_whatever_comes_next(
    prompt: Prompt, words: tuple[str, ...]
) -> None:
    prompt.build("init", "--owner", "ada")
    kill_the_push(prompt, arrives=True)
    prompt.build(*words)
    (run,) = fold_events(Workspace(prompt.root).read_ledger())
    assert (run.ref, run.version, run.push["recipe"]) == (MAIN, 1, DEFAULT_RECIPE)
    assert prompt.server.count("SaveKernel") == 1


def test_killed_push_that_never_arrived_is_made_again(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    kill_the_push(prompt, arrives=False)
    assert "it never arrived there" in prompt.build("push", "--allow-dirty")
    assert len(prompt.server.versions[MAIN]) == 1
    assert len(prompt.build("runs").splitlines()) == 2


def cut_off(place: Place, monkeypatch: pytest.MonkeyPatch, **config: object) -> None:
    """A place -> the same after a push whose process ended before it could record the answer."""

    def die(*words: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lib.kaggle.push.record_push", die)
        with pytest.raises(KeyboardInterrupt):
            place.push(**config)


def test_other_push_after_one_that_was_cut_off_is_made(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(place, monkeypatch)
    assert place.push("print('another')\n").version == 2
    cut_off(place, monkeypatch)
    place.write_metadata(dataset_sources=["ada/inception"])
    assert place.push().version == 4, "the same script with other data is another run"
    assert sorted(run.version for run in fold_events(place.work.read_ledger())) == [1, 2, 3, 4]
    assert place.server.count("SaveKernel") == 4


def test_pending_push_is_shown_until_kaggle_can_be_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_off(place, monkeypatch)
    place.server.fail("GetKernel", code=503, times=99)
    settle_pushes(place.work)
    assert "is not known yet" in capsys.readouterr().out
    assert "UNSETTLED" in list_runs(place.work)
    with pytest.raises(KaggleError, match=r"looking up .* failed, got HTTP 503"):
        place.push()
    assert place.server.count("SaveKernel") == 1, "no push before it is known what the last did"
    place.server.faults.clear()
    settle_pushes(place.work)
    assert "UNSETTLED" not in list_runs(place.work)
    assert place.work.find_last_version(REF) == 1
    calls = len(place.server.calls)
    settle_pushes(place.work)
    assert len(place.server.calls) == calls, "with nothing pending nothing is asked"


def test_push_under_way_in_another_process_is_left_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_off(place, monkeypatch)
    with (place.work.root / "runs" / "push.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        settle_pushes(place.work)
    assert "under way in another process" in capsys.readouterr().out
    assert len(list_pending(place.work.read_ledger())) == 1


def test_lock_that_cannot_be_had_is_told_and_raises_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`runs` shows what it knows even where runs/ cannot be written."""
    cut_off(place, monkeypatch)
    path = place.work.root / "runs" / "push.lock"
    path.unlink()
    path.mkdir()
    settle_pushes(place.work)
    shown = capsys.readouterr().out
    assert "is not known yet: runs/ cannot be written, Is a directory" in shown
    assert "the next push, runs or watch looks again" in shown
    assert "UNSETTLED" in list_runs(place.work)


def test_refused_push_leaves_nothing_pending(place: Place) -> None:
    place.server.fail("SaveKernel", code=400, message="no", times=3)
    for _ in range(3):
        with pytest.raises(KaggleError, match="was refused, got HTTP 400"):
            place.push()
    events = place.work.read_ledger()
    assert [event["event"] for event in events] == ["pushing", "unpushed"] * 3
    assert list_pending(events) == []
    assert "config" not in events[2], "the same facts are not written again and again"
    place.push()
    assert fold_events(place.work.read_ledger())[0].push["config"] == {"recipe": "pixel"}


def test_lost_push_that_is_then_refused_is_found(place: Place) -> None:
    """Kaggle may answer the repetition with 409 because of the version whose answer was lost."""
    place.server.fail("SaveKernel", reset="after")
    place.server.fail("GetKernel", code=404, times=3, skip=1)
    place.server.fail("GetKernelSessionStatus", code=404, times=3)
    place.server.fail("SaveKernel", code=409, message="is being saved")
    assert place.push().version == 1
    assert len(place.server.versions[REF]) == 1


def test_push_that_cannot_be_recorded_is_found_again(place: Place) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(version: Version) -> None:
        play_complete(version)
        size = (place.work.root / LEDGER).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))

    place.server.play = fill_the_disk
    try:
        with pytest.raises(PipelineError, match=r"cannot be recorded[\s\S]*nothing is repeated"):
            place.push()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert place.push().version == 1
    assert place.server.count("SaveKernel") == 1


@pytest.mark.parametrize(
    "odd",
    [{"push_id": 5}, {"push_id": "a", "source_sha256": 5}, {"push_id": "a", "same_as": "b"}, {}],
)
def test_odd_pending_line_harms_nothing(place: Place, odd: dict[str, object]) -> None:
    place.work.record("pushing", REF, 1, **odd)
    settle_pushes(place.work)
    assert place.push().version == 1


def test_equal_intent_without_an_id_does_not_stop_a_push(place: Place) -> None:
    """The id that it lacks was asked for: KeyError."""
    place.push()
    ledger = place.work.root / "runs" / "ledger.jsonl"
    events = place.work.read_ledger()
    ledger.write_text("".join(f"{json.dumps({**e, 'push_id': None})}\n" for e in events))
    assert place.push().version == 2


def test_source_is_the_same_however_it_is_written_down() -> None:
    cells = [{"cell_type": "code", "source": ["a\n", "b"], "outputs": []}]
    book = {"cells": cells, "nbformat": 4}
    other = {"nbformat": 4, "cells": [{"source": "a\nb", "cell_type": "code", "id": "7"}]}
    assert is_same_source(json.dumps(book), json.dumps(other, indent=1))
    assert is_same_source("a\r\nb\r\n", "a\nb")
    assert not is_same_source("a\nb", "a\nc")
    assert not is_same_source(json.dumps(book), "a\nb")
