"""Each fault at each call: what the user sees, and that nothing happens twice."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib.base.errors import InputError, PipelineError
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import get_status, list_outputs
from lib.kaggle.client.session import open_session
from lib.kaggle.client.submissions import count_left, submit_file, submit_kernel, wait_for_score
from lib.kaggle.fetch import fetch_version
from lib.kaggle.watch import watch_version
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import NO_JOURNAL, QUICK, REF, Place, open_place, play_complete
from tests.kaggle_state import COMPETITION, Version


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def run_push(place: Place) -> None:
    assert place.push().version == 1
    assert len(place.server.versions[REF]) == 1


def run_status(place: Place) -> None:
    place.server.push(REF, "x")
    status = place.session.repeat(lambda: get_status(place.session, REF, 1))
    assert status.name == "COMPLETE"


def run_watch(place: Place) -> None:
    version = place.server.push(REF, "x")
    version.statuses = ["RUNNING"]
    wanted = 1 + sum(fault.times for fault in place.server.faults)

    def end_after_the_log() -> None:
        end = time.monotonic() + 15
        while place.server.count("GET log") < wanted and time.monotonic() < end:
            time.sleep(0.01)
        version.statuses = ["COMPLETE"]

    thread = threading.Thread(target=end_after_the_log)
    thread.start()
    session = place.with_patience(poll_s=0.1, longest_poll_s=0.1)
    assert watch_version(session, REF, 1).status.name == "COMPLETE"
    thread.join()
    assert place.server.count("GET log") >= wanted


def run_list(place: Place) -> None:
    place.server.push(REF, "x")
    files, log = list_outputs(place.session, REF, 1)
    assert [file.name for file in files] == ["a.txt"]
    assert "hello" in log


def run_fetch(place: Place) -> None:
    place.server.push(REF, "x")
    target = place.work.locate_run(REF, 1)
    fetch_version(place.session, REF, 1, target)
    assert (target / "a.txt").read_bytes() == b"alpha" * 100


def run_submit(place: Place) -> None:
    path = place.work.root / "submission.csv"
    path.write_text("id,f0\n" + "".join(f"dig-{i:06d},{i}\n" for i in range(50)))
    number = submit_file(place.session, COMPETITION, path, "text [mark]", "[mark]", NO_JOURNAL)
    assert [entry["ref"] for entry in place.server.submissions] == [number]
    assert place.server.submissions[0]["content"] == path.read_bytes()


def run_submit_kernel(place: Place) -> None:
    place.server.push(REF, "x").outputs = {"submission.csv": b"id,f0\na,1\n"}
    words = (COMPETITION, REF, 1, "submission.csv", "text [mark]", "[mark]", NO_JOURNAL)
    number = submit_kernel(place.session, *words)
    assert [entry["ref"] for entry in place.server.submissions] == [number]


def run_score(place: Place) -> None:
    csv = b"id,f0\na,1\nb,2\n"
    place.server._submit({}, csv, "submission.csv")
    assert wait_for_score(place.session, 9000).status == "COMPLETE"


def run_limits(place: Place) -> None:
    assert count_left(place.session, COMPETITION) == 5


DRIVERS: dict[str, Callable[[Place], None]] = {
    "GetKernel": run_push,
    "SaveKernel": run_push,
    "GetKernelSessionStatus": run_status,
    "ListKernelSessionOutput": run_list,
    "GET log": run_watch,
    "GET file": run_fetch,
    "StartSubmissionUpload": run_submit,
    "PUT upload": run_submit,
    "ListSubmissions": run_submit,
    "CreateSubmission": run_submit,
    "CreateCodeSubmission": run_submit_kernel,
    "GetSubmission": run_score,
    "GetSubmissionLimits": run_limits,
}
REFUSALS = (401, 403, 404, 409)
# Where a refusal is not the end: an address that expired is asked for anew, an upload started
# over, a kernel that is not there is a new one, a live log gives way to the one that is kept.
GOES_ON = {
    *(("GET file", code) for code in (401, 403, 404)),
    *(("PUT upload", code) for code in (403, 404)),
    *(("GET log", code) for code in REFUSALS),
    *(("GetKernel", code) for code in (403, 404, 409)),
}


@pytest.mark.parametrize("name", DRIVERS)
@pytest.mark.parametrize("code", REFUSALS)
def test_refusal_names_reason_and_cure_and_is_not_repeated(
    place: Place, name: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail(name, code=code, message="the server's own words")
    if (name, code) in GOES_ON:
        DRIVERS[name](place)
    elif (name, code) in {("GetSubmissionLimits", 404), ("GetSubmissionLimits", 409)}:
        assert count_left(place.session, COMPETITION) is None
    else:
        with pytest.raises(KaggleError) as caught:
            DRIVERS[name](place)
        assert caught.value.code == code
        assert caught.value.cure
        if name != "GET file":  # storage answers in HTML, which is no help
            assert "the server's own words" in str(caught.value)
        assert place.server.count(name) == 1
    shown = capsys.readouterr()
    assert SIGNATURE not in shown.out + shown.err


@pytest.mark.parametrize("name", DRIVERS)
@pytest.mark.parametrize(
    "fault",
    [
        {"code": 429, "headers": {"Retry-After": "0.02"}},
        {"code": 500},
        {"reset": "before"},
        {"code": 500, "times": 2},
    ],
    ids=["429", "500", "reset", "500 twice"],
)
def test_passing_trouble_is_waited_out(place: Place, name: str, fault: dict[str, object]) -> None:
    place.server.fail(name, **fault)
    DRIVERS[name](place)


@pytest.mark.parametrize("name", [name for name in DRIVERS if " " not in name])
def test_error_text_in_a_200_is_an_error(place: Place, name: str) -> None:
    answer = {"code": 400, "message": "the server's own words"}
    place.server.fail(name, answer=answer, times=99)
    if name in ("GetKernel", "GetSubmissionLimits"):  # what is not told there stops nothing
        DRIVERS[name](place) if name == "GetKernel" else count_left(place.session, COMPETITION)
        return
    with pytest.raises(KaggleError, match="the server's own words"):
        DRIVERS[name](place)
    assert place.server.count(name) == 1


@pytest.mark.parametrize("name", DRIVERS)
def test_silent_server_meets_the_deadline(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_place(tmp_path, monkeypatch, replace(QUICK, answer_s=0.25)) as place:
        place.server.play = play_complete
        place.server.fail(name, silent_s=30)
        DRIVERS[name](place)


@pytest.mark.parametrize(
    "name", [name for name in DRIVERS if name not in ("GET log", "GetSubmission")]
)
def test_trouble_that_does_not_pass_ends_with_a_cure(place: Place, name: str) -> None:
    place.server.fail(name, code=500, times=99)
    with pytest.raises(PipelineError, match="cure"):
        DRIVERS[name](place)
    assert 2 <= place.server.count(name) <= 10


@pytest.mark.parametrize("name", ["SaveKernel", "CreateSubmission", "CreateCodeSubmission"])
@pytest.mark.parametrize("late", [False, True])
def test_create_whose_answer_was_lost_is_found_and_not_repeated(
    place: Place, name: str, late: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    place.server.fail(name, reset="after")
    if late:  # the first looks fail as well
        looked_up = "GetKernel" if name == "SaveKernel" else "ListSubmissions"
        place.server.fail(looked_up, code=500, times=2, skip=1)
    DRIVERS[name](place)
    assert place.server.count(name) == 1
    assert "the answer was lost" in capsys.readouterr().out


def test_lost_push_is_told_from_a_version_of_someone_else(place: Place) -> None:
    place.server.push(REF, "mine")
    place.server.fail("SaveKernel", reset="before")

    def play(version: Version) -> None:
        play_complete(version)

    place.server.play = play
    place.server.push(REF, "someone else's")
    pushed = place.push()
    assert pushed.version == 3
    assert place.server.count("SaveKernel") == 2


def test_lost_push_is_found_where_sources_cannot_be_read_back(place: Place) -> None:
    place.server.fail("GetKernel", code=404, times=99)
    place.server.fail("SaveKernel", reset="after")
    assert place.push().version == 1
    assert place.server.count("SaveKernel") == 1


def test_lost_push_is_the_version_after_the_last_one_known_here(place: Place) -> None:
    place.server.fail("GetKernel", code=404, times=99)
    place.push()
    place.server.fail("SaveKernel", reset="after")
    assert place.push().version == 2
    assert place.server.count("SaveKernel") == 2


def test_lost_push_to_a_kernel_made_anew_is_found(place: Place) -> None:
    for _ in range(3):
        place.push()
    del place.server.versions[REF]  # deleted on the site: its versions begin at one again
    place.server.fail("SaveKernel", reset="after")
    assert place.push().version == 1
    assert place.server.count("SaveKernel") == 4


def test_lost_answer_that_cannot_be_looked_up_is_never_repeated(place: Place) -> None:
    place.server.fail("CreateSubmission", reset="after")
    place.server.fail("ListSubmissions", code=500, times=99, skip=1)
    with pytest.raises(KaggleError, match=r"listing the submissions to .* failed, got HTTP 500"):
        run_submit(place)
    assert place.server.count("CreateSubmission") == 1


def test_retry_after_is_kept_to(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.server.fail("GetSubmissionLimits", code=429, headers={"Retry-After": "0.2"})
    assert count_left(place.with_patience(longest_pause_s=1), COMPETITION) == 5
    assert "trying again in 0.2 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "lost in part, got the answer names no kernel; the answer names no version number"),
        ({"versionNumber": 7}, "lost in part, got the answer names no kernel"),
        ({"ref": 5}, "Kaggle named the kernel '5', .*; the answer names no version number"),
        ({"code": 400, "message": "soft error"}, 'was refused, got HTTP 400: "soft error"'),
        ({"versionNumber": "x", "ref": []}, r"Kaggle named the kernel '\[\]'"),
    ],
)
def test_answer_that_is_not_of_the_protocol_is_an_error(
    place: Place, answer: dict[str, object], words: str
) -> None:
    place.server.fail("SaveKernel", answer=answer, times=99)
    with pytest.raises(PipelineError, match=words):
        place.push()


def test_no_credentials_is_a_mistake_with_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_CONFIG_DIR", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="KAGGLE_API_TOKEN"), open_session(QUICK):
        pass


def test_token_signs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_place(tmp_path, monkeypatch, kind="token") as place:
        run_limits(place)


def test_environment_that_would_reach_the_real_host_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    with pytest.raises(InputError, match="KAGGLE_API_ENVIRONMENT"), open_session(QUICK):
        pass
