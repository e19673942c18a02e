"""What the fuzzer found, each by name with the smallest input that showed it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lib.base.errors import PipelineError
from lib.kaggle.client.kernel_log import find_log_seconds, parse_log
from tests.fuzz import api_answers, kernel_logs, shard_files
from tests.fuzz.wire import KEY, PAIR
from tests.kaggle_place import REF, open_place

DEEP = "[" * 2000
LOGS = {
    "an event's time of 400 digits, which no float holds": f'[{{"time": 1{"0" * 400}}}]',
    "a time that is true, which counted as a second": '[{"time": true, "data": "x"}]',
    "an infinite time, which became the run's minutes": '[{"time": 1e999}]',
    "a log nested deeper than the parser goes": DEEP,
    "an event of a stream nested deeper than the parser goes": f"data: {DEEP}\n\n",
    "a line that clears the screen": json.dumps([{"data": "\x1b[2J"}]),
    "a line that clears the screen in one sign": json.dumps([{"data": "\x9b2J"}]),
    "a line that turns the direction of writing": json.dumps([{"data": "\u202eabc"}]),
    "a key that an escape completes": f"\x7f{KEY[1:]}",
    "half of a surrogate pair, which stdout refuses": '[{"data": "\\ud800"}]',
}
ERRORS = {"status": "ERROR", "failureMessage": f"a\nb\nc \x1b[2J {KEY}"}
REFUSED = {"error": {"code": 403, "message": f"no: {KEY} and Basic {PAIR}"}}
ENTRY = {"ref": 7, "status": "COMPLETE", "description": "[mark]"}
FILE = {"fileName": "a.txt", "url": "http://localhost/a"}
ANSWERS: dict[str, tuple[str, list[Any]]] = {
    "a refusal that repeats the key": ("status", [REFUSED]),
    "a failure of three lines with the key in it": ("watch", [ERRORS]),
    "the same when the outputs are fetched": ("fetch", [ERRORS, {"files": []}]),
    "a refused push that repeats the key": ("push", [{"error": f"bad source\n{KEY}"}]),
    "a push whose sources repeat the key": ("push", [{"invalidTags": [KEY], "versionNumber": 1}]),
    "a push named by what is no name": ("push", [{"ref": "a b\n/\x1b", "versionNumber": 1}]),
    "a submission's reason that repeats the key": (
        "score",
        [{**ENTRY, "status": "ERROR", "errorDescription": f"{KEY}\n\x1b[31m"}],
    ),
    "a submission refused with the key": ("submit kernel", [{}, {"message": KEY}, {}]),
    "a word for a status that repeats the key": ("status", [{"status": f"X {KEY}"}]),
    "an answer nested deeper than the parser goes": ("latest", [f"raw:{DEEP}"]),
    "an error nested deeper than the parser goes": ("status", [f"raw:{DEEP}"]),
    "a version that is no number": ("latest", [{"metadata": {"currentVersionNumber": "x"}}]),
    "a version that is a list": ("latest", [{"metadata": {"currentVersionNumber": [1]}}]),
    "a kernel without its source": ("arrived", [{"metadata": {"currentVersionNumber": 1}}]),
    "a source that is a number": ("arrived", [{"blob": {"source": 5}}]),
    "a source nested deeper than the parser goes": (
        "arrived",
        [{"metadata": {"currentVersionNumber": 1}, "blob": {"source": DEEP}}],
    ),
    "a log that is an object": ("outputs", [{"log": {"data": "x"}}]),
    "a file without a name": ("outputs", [{"files": [{"url": "x"}]}]),
    "a file named by a number": ("fetch", [{"status": "COMPLETE"}, {"files": [{"fileName": 5}]}]),
    "a file named by half of a surrogate pair": (
        "fetch",
        [{"status": "COMPLETE"}, {"files": [{**FILE, "fileName": "\ud800"}]}],
    ),
    "a file and a folder of one name": (
        "fetch",
        [{"status": "COMPLETE"}, {"files": [FILE, {**FILE, "fileName": "a.txt/b"}]}, "x"],
    ),
    "a manifest whose list of files is none": (
        "fetch",
        [
            {"status": "COMPLETE"},
            {"files": [{**FILE, "fileName": "run_manifest.json"}]},
            {"artefacts": [1]},
        ],
    ),
    "a message about the failure that is a list": ("watch", [{**ERRORS, "failureMessage": [1]}]),
    "a submission without a number": ("find", [{"submissions": [{**ENTRY, "ref": "x"}]}]),
    "a submission whose number is a list": ("submit kernel", [{"submissions": [{"ref": [1]}]}]),
    "submissions that are a number": ("find", [{"submissions": 5}]),
    "a description that is a number": ("find", [{"submissions": [{**ENTRY, "description": 5}]}]),
    "an allowance that is a word": ("left", [{"numAllowedNow": "many"}]),
    "hours that no duration holds": ("quota", [{"gpuQuota": {"totalTimeAllowed": "9" * 20}}]),
    "an address for the upload that is none": ("submit", [{"createUrl": "x:\n", "token": "t"}]),
}
_LINES = b'{"id": "1"}\n{"id": "2"}\n'
FILES = {
    "two members that get one label": (
        shard_files.make_zip([("a/data.jsonl", _LINES), ("a\\data.jsonl", _LINES * 2)])
    ),
    "two zips of one name in a zip without its directory": (
        shard_files.make_zip(
            [("in.zip", shard_files.make_zip([("data.jsonl", _LINES)]))]
        ).partition(b"PK\x05\x06")[0]
        * 2
    ),
    "sizes in the directory that are not the content's": (
        shard_files.make_zip([("data.jsonl", _LINES)])[:-60] + b"\xff" * 60
    ),
}
PAGES = [{"files": [FILE], "nextPageToken": str(number)} for number in range(300)]


@pytest.mark.parametrize("name", LOGS)
def test_log(name: str) -> None:
    kernel_logs.check(LOGS[name].encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("code", [200, 500])
def test_answer(name: str, code: int) -> None:
    step, bodies = ANSWERS[name]
    replies = [[code, {}, body] for body in bodies]
    case = json.dumps({"step": step, "replies": replies}).encode()
    assert api_answers._parse(case)[0] == step
    api_answers.check(case)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", [2, 66])  # shards.zip, without and with a sound shard beside it
def test_shard_file(name: str, form: int) -> None:
    shard_files.check(bytes([form]) + FILES[name])


def test_pages_that_never_end_are_given_up() -> None:
    replies = [[200, {}, page] for page in PAGES]
    api_answers.check(json.dumps({"step": "outputs", "replies": replies}).encode())


def test_a_range_that_is_refused_though_none_was_asked_for() -> None:
    files = {"files": [{"fileName": "at", "url": "http://localhost/at"}], "log": "[]"}
    replies: list[Any] = [[200, {}, {"status": "ERROR"}], [200, {}, files], [416, {}, ""]]
    api_answers.check(json.dumps({"step": "fetch", "replies": replies}).encode())


def test_a_count_of_bytes_of_5000_digits_does_not_end_an_upload() -> None:
    replies: list[Any] = [[200, {}, {"createUrl": "http://localhost/u", "token": "t"}]]
    replies += [[308, {"Range": f"bytes=0-{'9' * 5000}"}, {}]]
    api_answers.check(json.dumps({"step": "submit", "replies": replies}).encode())


def test_times_that_are_none_are_left_out() -> None:
    assert find_log_seconds('[{"time": true}, {"time": 1e999}, {"time": "5"}]') is None
    assert find_log_seconds(f'[{{"time": 2}}, {{"time": {"9" * 400}}}]') == 2.0
    assert parse_log(DEEP) == [DEEP]


CALLS = {  # the call of Kaggle that a step makes first
    "status": "GetKernelSessionStatus",
    "watch": "GetKernelSessionStatus",
    "latest": "GetKernel",
    "arrived": "GetKernel",
    "push": "SaveKernel",
    "find": "ListSubmissions",
    "left": "GetSubmissionLimits",
    "quota": "GetAcceleratorQuotaStatistics",
    "outputs": "ListKernelSessionOutput",
    "score": "GetSubmission",
}


def test_the_same_answers_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a server of this machine, to which the real client speaks."""
    done = 0
    for number, (name, (step, bodies)) in enumerate(ANSWERS.items()):
        if step not in CALLS or not isinstance(bodies[0], dict):
            continue
        with open_place(tmp_path / str(number), monkeypatch) as place:
            place.server.push(REF, "x").statuses = ["COMPLETE"]
            place.server.fail(CALLS[step], answer=bodies[0], times=99)
            session = place.with_patience(run_s=0.1, score_s=0.1, grace_s=0.0)
            session = dataclasses.replace(session, secrets=[*session.secrets, KEY, PAIR])
            told = ""
            try:
                api_answers.STEPS[step](session, place.work)
            except PipelineError as error:
                told = str(error)
            assert len(told.splitlines()) <= 2, name
            shown = told + capsys.readouterr().out
            assert not any(secret in shown for secret in (KEY, PAIR)), name
            assert shown.replace("\n", "").isprintable(), name
            assert place.server.count(CALLS[step]) >= 1, name
            done += 1
    assert done >= 15
