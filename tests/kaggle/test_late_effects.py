"""Pushes and submissions whose effect comes late or without an answer: each is made once."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import PipelineError
from lib.base.files import sha256_bytes, sha256_file
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.submissions import Checked
from lib.kaggle.ledger import SUBMIT, is_settled, list_lost, list_pending, read_age
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.settle import settle_all, settle_pushes, settle_submissions
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle_place import QUICK, REF, SLUG, Place, find_bundle, open_place, play_complete
from tests.kaggle_state import COMPETITION, Version

CREATES = {False: "CreateSubmission", True: "CreateCodeSubmission"}
WINDOW_S = 0.5


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch, replace(QUICK, settle_s=WINDOW_S)) as place:
        place.server.play = play_small
        yield place


def play_small(version: Version) -> None:
    """A new version -> ended, with a small file to submit and a manifest that names it."""
    play_complete(version)
    version.outputs = make_small(version.request["text"])


def make_small(text: str, csv: bytes = b"") -> dict[str, bytes]:
    """A script, its file to submit or one of its own -> what a run of it leaves."""
    csv = csv or f"id,f0\na,{len(text)}\nb,2\n".encode()
    artefacts = {"submission.csv": sha256_bytes(csv)}
    manifest = {"bundle_sha256": find_bundle(text), "artefacts": artefacts}
    return {"submission.csv": csv, "run_manifest.json": json.dumps(manifest).encode()}


def check_small(folder: Path, push: dict[str, Any] | None) -> Checked:
    path = folder / "submission.csv"
    return Checked(path, sha256_file(path), "2 rows", "made by a test")


def submit(place: Place, as_kernel: bool = False, message: str = "text") -> dict[str, Any]:
    words = (REF, 1, message, as_kernel, check_small)
    return submit_and_record(place.work, place.session, *words)


def interrupt(
    place: Place,
    call: str,
    act: Callable[[], object],
    takes_effect: bool,
    hangs_s: float = 0.0,
) -> None:
    """Press Ctrl-C while a call waits for its answer, perhaps after it has hung for long."""
    usual = place.server.answer

    def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name != call:
            return usual(name, body)
        time.sleep(hangs_s)
        found = usual(name, body) if takes_effect else {}
        os.kill(os.getpid(), signal.SIGINT)
        return found

    place.server.answer = answer  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        act()
    place.server.answer = usual  # type: ignore[method-assign]


def list_events(place: Place) -> list[str]:
    return [event["event"] for event in place.work.read_ledger()]


def test_push_that_comes_late_is_waited_for_and_not_repeated(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail("SaveKernel", late_s=WINDOW_S)
    assert place.push().version == 1
    assert place.server.count("SaveKernel") == 1
    out = capsys.readouterr().out
    assert out.count("no trace of the push yet: looking for") == 1
    assert "the answer was lost, but version 1 is there" in out


@pytest.mark.parametrize("as_kernel", [False, True])
def test_submission_that_comes_late_is_waited_for_and_not_repeated(
    place: Place, as_kernel: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    place.push()
    place.server.fail(CREATES[as_kernel], late_s=WINDOW_S)
    submit(place, as_kernel)
    assert len(place.server.submissions) == 1
    events = ["pushing", "push", "fetch", "submitting", "submit", "score", "place"]
    assert list_events(place) == events
    assert capsys.readouterr().out.count("no trace of the submission yet") == 1


@pytest.mark.parametrize("as_kernel", [False, True])
def test_submission_that_comes_after_ctrl_c_is_not_made_again_by_the_same_command(
    place: Place, as_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took effect 16 s after Ctrl-C, and the same command at once made a second one."""
    place.push()
    place.server.fail(CREATES[as_kernel], late_s=WINDOW_S)

    def press(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lib.kaggle.client.late_effects.look_for", press)
        with pytest.raises(KeyboardInterrupt):
            submit(place, as_kernel)
    assert len(list_pending(place.work.read_ledger(), SUBMIT)) == 1
    assert not place.server.submissions
    told = submit(place, as_kernel)
    assert [entry["ref"] for entry in place.server.submissions] == [told["submission"]]
    assert place.server.count(CREATES[as_kernel]) == 1


@pytest.mark.parametrize("takes_effect", [False, True])
def test_ctrl_c_in_the_middle_of_a_push_leaves_it_pending(place: Place, takes_effect: bool) -> None:
    interrupt(place, "SaveKernel", place.push, takes_effect)
    assert len(list_pending(place.work.read_ledger())) == 1
    assert place.push().version == 1
    assert len(place.server.versions[REF]) == 1


@pytest.mark.parametrize("takes_effect", [False, True])
def test_ctrl_c_in_the_middle_of_a_submission_leaves_it_pending(
    place: Place, takes_effect: bool
) -> None:
    place.push()
    interrupt(place, "CreateSubmission", lambda: submit(place), takes_effect)
    assert len(list_pending(place.work.read_ledger(), SUBMIT)) == 1
    submit(place)
    assert len(place.server.submissions) == 1
    assert is_settled(place.work.read_ledger()) == takes_effect  # else it is looked for a day


def test_push_that_hung_beyond_the_window_is_looked_for_after_ctrl_c(place: Place) -> None:
    """The window was counted from the call's beginning: it was over, and the push made twice."""
    interrupt(place, "SaveKernel", place.push, takes_effect=False, hangs_s=2 * WINDOW_S)
    place.server.answer_late(*place.server.calls[-1], WINDOW_S)
    assert place.push().version == 1
    place.server.wait_late()
    assert len(place.server.versions[REF]) == 1


def test_submission_that_hung_beyond_the_window_is_looked_for_after_ctrl_c(place: Place) -> None:
    place.push()
    hung = ("CreateSubmission", lambda: submit(place))
    interrupt(place, *hung, takes_effect=False, hangs_s=2 * WINDOW_S)
    place.server.answer_late(*place.server.calls[-1], WINDOW_S)
    submit(place)
    place.server.wait_late()
    assert len(place.server.submissions) == 1


@pytest.mark.parametrize("takes_effect", [False, True])
def test_pending_submission_to_another_competition_is_not_taken_for_this_one(
    place: Place, takes_effect: bool
) -> None:
    place.push()
    interrupt(place, "CreateSubmission", lambda: submit(place), takes_effect)
    usual, other = place.work, replace(place.work, competition="other", is_overridden=True)
    place.work = other
    told = submit(place)
    place.work = usual
    sent = [(one["ref"], one["competition"]) for one in place.server.submissions]
    assert sent[-1] == (told["submission"], "other")
    assert [name for _, name in sent[:-1]] == [COMPETITION] * takes_effect
    made = [e for e in place.work.read_ledger() if e["event"] == "submit"]
    assert sorted((e["submission"], e["competition"]) for e in made) == sent
    assert submit(place)["submission"] != told["submission"]
    assert [one["competition"] for one in place.server.submissions].count(COMPETITION) == 1


def test_pending_submission_is_looked_for_once_by_other_commands(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.push()
    interrupt(place, "CreateSubmission", lambda: submit(place), takes_effect=False)
    place.server.fail("ListSubmissions", code=503, times=9)
    settle_submissions(place.work)
    assert "whether it arrived is not known yet" in capsys.readouterr().out
    place.server.faults.clear()
    work = replace(place.work, patience=replace(QUICK, settle_s=60))
    settle_all(work, wait=True)
    assert "it is not there yet, and may still come within" in capsys.readouterr().out
    body = place.server.calls[-1][1]
    made = next(b for name, b in place.server.calls if name == "CreateSubmission")
    assert body["competitionName"] == COMPETITION
    place.server.answer("CreateSubmission", made)
    settle_all(work)
    assert "it arrived: submission 9000, recorded now" in capsys.readouterr().out
    calls = len(place.server.calls)
    settle_all(work)
    assert len(place.server.calls) == calls, "with nothing pending nothing is asked"


def test_push_that_comes_after_the_window_is_adopted_and_both_are_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail("SaveKernel", late_s=3 * WINDOW_S)
    assert place.push().version == 1
    place.server.wait_late()
    assert len(place.server.versions[REF]) == 2, "it came when it had been given up"
    capsys.readouterr()
    settle_pushes(place.work)
    out = capsys.readouterr().out
    assert "arrived late: version 2, recorded now" in out
    assert "version 1 is the same script" in out
    pushes = [e for e in place.work.read_ledger() if e["event"] == "push"]
    assert [(e["version"], e.get("late"), e.get("twins")) for e in pushes] == [
        (1, None, None),
        (2, True, [1]),
    ]
    assert pushes[0]["config"] == pushes[1]["config"]
    settle_pushes(place.work)
    assert capsys.readouterr().out == "", "it is told once"
    assert place.push().version == 3, "the same script pushed again is a version of its own"


def test_submit_again_stays_with_its_version_though_a_late_twin_turns_up(place: Place) -> None:
    """Found by kills: the later one had become the last push, and both were submitted."""
    place.server.fail("SaveKernel", late_s=3 * WINDOW_S)
    assert place.push().version == 1
    assert place.work.choose_version(None) == (REF, 1)
    submit(place)
    place.server.wait_late()
    settle_pushes(place.work)
    assert place.work.find_last_version(REF) == 2, "a push counts on from there"
    assert place.work.choose_version(None) == (REF, 1)
    submit(place)
    assert len(place.server.submissions) == 1
    assert place.push().version == 3
    assert place.work.choose_version(None) == (REF, 3)


def test_push_that_was_given_up_and_turns_up_is_that_of_the_next_command(place: Place) -> None:
    place.server.fail("SaveKernel", late_s=6 * WINDOW_S)
    place.server.fail("SaveKernel", code=400, message="no")
    with pytest.raises(KaggleError, match="was refused"):
        place.push()
    place.server.wait_late()
    assert place.push().version == 1
    assert len(place.server.versions[REF]) == 1


def test_submission_that_comes_after_the_window_is_adopted_and_both_are_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.push()
    place.server.fail("CreateSubmission", late_s=3 * WINDOW_S)
    submit(place)
    place.server.wait_late()
    assert len(place.server.submissions) == 2
    capsys.readouterr()
    settle_submissions(place.work)
    out = capsys.readouterr().out
    assert "arrived late" in out
    assert "submission 9001, recorded now" in out
    assert "submission 9000 is the same file" in out
    submits = [e for e in place.work.read_ledger() if e["event"] == "submit"]
    assert [(e["submission"], e.get("twins")) for e in submits] == [(9000, None), (9001, [9000])]
    submit(place)
    assert len(place.server.submissions) == 2


def test_intent_of_yesterday_is_no_longer_looked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.server.fail("SaveKernel", reset="before")
    place.push()
    assert len(list_lost(place.work.read_ledger())) == 1
    monkeypatch.setattr("lib.kaggle.ledger.read_age", lambda event: 24 * 3600.0)
    assert list_lost(place.work.read_ledger()) == []


@pytest.mark.parametrize("time", [None, 5, "x", "2020-01-01", "2999-01-01T00:00:00+00:00"])
def test_time_that_tells_no_age_is_one_of_now(time: object) -> None:
    assert read_age({"time": time}) == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ref": f"/code/{REF}", "url": "https://www.kaggle.com/x"},
        {"ref": f"/code/{REF}", "versionNumber": 0},
        {"ref": f"/code/{REF}", "versionNumber": -1},
        {"ref": f"/code/{REF}", "versionNumber": None},
        {"ref": f"/code/{REF}", "versionNumber": "1"},
        {"ref": f"/code/{REF}", "versionNumber": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("arrives", [True, False])
def test_answer_without_a_version_is_a_lost_answer(
    place: Place, answer: dict[str, Any], arrives: bool
) -> None:
    """Kaggle's {} was taken for version 0, which the ledger then held."""
    place.server.fail("SaveKernel", answer=answer, reset="after" if arrives else "")
    assert place.push().version == 1
    assert len(place.server.versions[REF]) == 1
    assert place.server.count("SaveKernel") == (1 if arrives else 2)
    pushes = [e["version"] for e in place.work.read_ledger() if e["event"] == "push"]
    assert pushes == [1]


@pytest.mark.parametrize("answer", [{}, {"message": "Successfully submitted"}, {"ref": 0}], ids=str)
def test_answer_without_a_number_is_a_lost_answer(place: Place, answer: dict[str, Any]) -> None:
    place.push()
    place.server.fail("CreateSubmission", answer=answer, reset="after")
    assert submit(place)["submission"] == 9000
    assert place.server.count("CreateSubmission") == 1


def test_words_without_a_number_are_not_repeated(place: Place) -> None:
    place.push()
    place.server.fail("CreateSubmission", answer={"message": "You can't submit now"})
    with pytest.raises(KaggleError, match="You can't submit now"):
        submit(place)
    assert place.server.count("CreateSubmission") == 1
    submit(place)
    assert len(place.server.submissions) == 1


def make_anew(place: Place, text: str) -> Version:
    """Delete the kernel on the site and push it under the same name from elsewhere."""
    del place.server.versions[REF]
    return place.server.push(REF, text)


@pytest.mark.parametrize("text", ["print('another')", None], ids=["another script", "the same"])
def test_stale_folder_of_a_kernel_made_anew_is_not_submitted(
    place: Place, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.push(REF, "print('first')")
    fetch_and_record(place.work, place.session, REF, 1)
    version = make_anew(place, text or "print('first')")
    if text is None:
        version.outputs = make_small("print('first')", csv=b"id,f0\na,7\nb,9\n")
    submit(place)
    (made,) = place.server.submissions
    assert made["content"] == version.outputs["submission.csv"]
    assert "is not what Kaggle holds of version 1" in capsys.readouterr().out


def test_run_of_a_kernel_made_anew_that_was_not_pushed_from_here_is_refused(place: Place) -> None:
    place.push()
    fetch_and_record(place.work, place.session, REF, 1)
    make_anew(place, "print('of someone else')")
    with pytest.raises(PipelineError, match="another bundle made this run"):
        submit(place)
    assert not place.server.submissions


def test_version_of_a_kernel_made_anew_is_the_last_one(place: Place) -> None:
    for number in range(3):
        place.push(f"print({number})\n")
    del place.server.versions[REF]
    assert place.push("print('anew')\n").version == 1
    assert place.work.choose_version(None) == (REF, 1)
    place.server.fail("SaveKernel", late_s=WINDOW_S / 2)
    assert place.push("print('anew')\n").version == 2, "version 1 is an earlier push"
    assert place.server.count("SaveKernel") == 5


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ERROR", "ended as ERROR"),
        ("CANCEL_ACKNOWLEDGED", "ended as CANCEL_ACKNOWLEDGED"),
        (
            "RUNNING",
            rf"^submit: {REF} version 1 has not ended, so nothing was submitted, got RUNNING"
            rf"\n  cure: python build\.py watch {SLUG}/1$",
        ),
    ],
)
@pytest.mark.parametrize("is_fetched", [True, False])
def test_run_that_did_not_complete_is_refused(
    place: Place, status: str, words: str, is_fetched: bool
) -> None:
    place.push()
    if is_fetched:
        fetch_and_record(place.work, place.session, REF, 1)
    place.server.versions[REF][0].statuses = [status]
    with pytest.raises(PipelineError, match=words):
        submit(place)
    assert not place.server.submissions
    assert place.server.count("StartSubmissionUpload") == 0


def test_two_ways_to_submit_a_run_are_two_submissions(place: Place) -> None:
    place.push()
    submit(place, as_kernel=False)
    submit(place, as_kernel=True)
    submit(place, as_kernel=False)
    assert len(place.server.submissions) == 2


def test_mark_that_a_message_quotes_is_not_taken_for_the_submissions_own(place: Place) -> None:
    place.push()
    submit(place, as_kernel=False)
    own = place.server.submissions[0]["description"].removeprefix("text ")
    place.server.submissions.clear()
    submit(place, as_kernel=True, message=f"as {own}, by code")
    submit(place, as_kernel=False)
    assert [e["description"].endswith(own) for e in place.server.submissions] == [False, True]


def test_mark_is_found_on_a_later_page_and_past_failed_ones(place: Place) -> None:
    """The loopback Kaggle lists two a page."""
    place.push()
    place.server.daily_limit = 99
    place.server.score_error = "Evaluation exception"
    with pytest.raises(PipelineError, match="Evaluation exception"):
        submit(place)
    place.server.score_error = ""
    place.server.fail("CreateSubmission", late_s=WINDOW_S / 2)
    usual = place.server.answer

    def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
        found = usual(name, body)
        if name == "CreateSubmission" and "text" in body["submissionDescription"]:
            for number in range(5):
                usual("CreateSubmission", {**body, "submissionDescription": f"other {number}"})
        return found

    place.server.answer = answer  # type: ignore[method-assign]
    assert submit(place)["submission"] == 9001
    assert submit(place)["submission"] == 9001
    assert place.server.count("CreateSubmission") == 2


def test_killed_submission_that_then_failed_is_told_and_not_made_again_at_once(
    place: Place,
) -> None:
    place.push()
    interrupt(place, "CreateSubmission", lambda: submit(place), takes_effect=True)
    place.server.score_error = "Evaluation exception"
    with pytest.raises(PipelineError, match="Evaluation exception"):
        submit(place)
    assert len(place.server.submissions) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"submit_id": 5},
        {"submit_id": "a"},
        {"submit_id": "a", "mark": 7, "competition": []},
        {"submit_id": "a", "mark": "", "competition": COMPETITION},
        {"submit_id": "a", "mark": "[m]", "competition": COMPETITION, "known": 5},
    ],
    ids=str,
)
def test_odd_line_of_an_intent_harms_nothing(place: Place, odd: dict[str, object]) -> None:
    place.push()
    place.work.record("submitting", REF, 1, **odd)
    settle_submissions(place.work)
    submit(place)
    assert len(place.server.submissions) == 1
