"""A run on Kaggle as `watch` follows it: statuses, log, troubles, ends."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import PipelineError
from lib.kaggle.client.kernel_log import LogFollower, find_log_seconds, parse_log
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.recorded_steps import watch_and_record
from lib.kaggle.runs_table import fold_events
from lib.kaggle.watch import watch_version
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import QUICK, REF, Place, open_place, play_complete
from tests.kaggle_state import KEY, Version

JSON_VALUES = st.none() | st.booleans() | st.floats() | st.text()


def extend_json(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    names = st.sampled_from(["data", "time", "stream_name"]) | st.text()
    return st.lists(values) | st.dictionaries(names, values)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def start(place: Place, *statuses: str, message: str = "", lines: int = 3) -> Version:
    """Statuses as the server shows them one by one -> the version."""
    version = place.server.push(REF, "x")
    version.statuses, version.message = list(statuses), message
    version.events = [
        {"stream_name": "stdout", "time": 60.0 * number, "data": f"line {number}\n"}
        for number in range(1, lines + 1)
    ]
    return version


def steady(place: Place) -> KaggleSession:
    """A place -> its session with pauses long enough for the live log to be read in them."""
    return place.with_patience(poll_s=0.08, longest_poll_s=0.08)


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line[4:] for line in capsys.readouterr().out.splitlines() if line.startswith("  | ")]


def test_complete_run_exits_zero_and_shows_each_line_once(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    start(place, "QUEUED", "RUNNING", "RUNNING", "RUNNING", "COMPLETE")
    place.push()  # a ledger entry of version 2, which nobody watches here
    place.server.versions[REF].pop()
    assert watch_and_record(place.work, steady(place), REF, 1) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("  | ")] == [
        "  | line 1",
        "  | line 2",
        "  | line 3",
    ]
    assert out.index("QUEUED") < out.index("RUNNING") < out.index("COMPLETE")
    last = place.work.read_ledger()[-1]
    assert (last["status"], last["minutes"]) == ("COMPLETE", 3.0)


def test_log_grows_line_by_line_while_the_kernel_runs(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    version = start(place, "RUNNING", lines=0)
    seen: list[list[str]] = []

    def grow() -> None:
        for number in range(3):
            version.events.append(
                {"data": f"train: {number} of 3, ETA {3 - number} s\n", "time": 1}
            )
            end = time.monotonic() + 5
            while time.monotonic() < end and place.server.count("GET log") == 0:
                time.sleep(0.005)
            time.sleep(0.03)
            seen.append(read_lines(capsys))
        version.statuses = ["COMPLETE"]

    thread = threading.Thread(target=grow)
    thread.start()
    watch_version(steady(place), REF, 1)
    thread.join()
    shown = [line for lines in [*seen, read_lines(capsys)] for line in lines]
    assert shown == [f"train: {number} of 3, ETA {3 - number} s" for number in range(3)]
    assert sum(bool(lines) for lines in seen) >= 2, "the lines came at the end, not as they grew"


def test_log_that_is_empty_while_running_is_shown_at_the_end(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    version = start(place, "RUNNING", "RUNNING", "COMPLETE")
    version.log_while_running = False
    place.server.fail("GET log", code=404, message="no live log", times=99)
    watch_version(steady(place), REF, 1)
    assert read_lines(capsys) == ["line 1", "line 2", "line 3"]


def test_live_log_that_breaks_off_goes_on_without_repeating(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    start(place, *["RUNNING"] * 6, "COMPLETE")
    place.server.fail("GET log", cut=1)
    place.server.fail("GET log", cut=2)
    watch_version(steady(place), REF, 1)
    assert read_lines(capsys) == ["line 1", "line 2", "line 3"]


@pytest.mark.parametrize("code", [403, 404])
def test_kernel_that_is_invisible_right_after_its_push_is_waited_for(
    place: Place, code: int
) -> None:
    start(place, "COMPLETE")
    place.server.fail("GetKernelSessionStatus", code=code, message="Permission denied", times=3)
    assert watch_version(steady(place), REF, 1).status.name == "COMPLETE"


def test_kernel_that_stays_forbidden_is_told_as_slug_drift(place: Place) -> None:
    start(place, "COMPLETE")
    place.server.fail("GetKernelSessionStatus", code=403, message="Permission denied", times=9999)
    with pytest.raises(PipelineError, match=r"403[\s\S]*id in kernel-metadata.json is the slug"):
        watch_version(place.with_patience(grace_s=0.1), REF, 1)


@pytest.mark.parametrize("fault", [{"code": 500}, {"code": 503}, {"reset": "before"}])
def test_network_loss_does_not_end_the_watch(
    place: Place, fault: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    start(place, "RUNNING", "RUNNING", "COMPLETE")
    place.server.fail("GetKernelSessionStatus", times=5, skip=1, **fault)
    assert watch_version(steady(place), REF, 1).status.name == "COMPLETE"
    out = capsys.readouterr().out
    assert out.count("asking again") == 1, "the same trouble is told once"


def test_unknown_status_is_told_and_waited_out(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    start(place, "WARPING", "WARPING", "COMPLETE")
    assert watch_version(steady(place), REF, 1).status.name == "COMPLETE"
    assert capsys.readouterr().out.count("WARPING") == 1


@pytest.mark.parametrize(
    ("status", "message", "cure"),
    [
        ("ERROR", "", "its log shows where it failed"),
        (
            "ERROR",
            "Your notebook tried to allocate more memory than is available.",
            "less in memory, such as a smaller batch",
        ),
        (
            "CANCEL_ACKNOWLEDGED",
            "Your notebook was stopped because it exceeded the max allowed execution duration.",
            "smaller --minutes",
        ),
        ("CANCEL_ACKNOWLEDGED", "", "its log shows"),
    ],
)
def test_other_ends_are_failures_with_cause_and_cure(
    place: Place, status: str, message: str, cure: str
) -> None:
    place.push()
    version = place.server.versions[REF][0]
    version.statuses, version.message = ["RUNNING", status], message
    with pytest.raises(PipelineError) as caught:
        watch_and_record(place.work, steady(place), REF, 1)
    assert caught.value.exit_code == 1
    assert message in str(caught.value)
    assert cure in caught.value.cure
    assert fold_events(place.work.read_ledger())[0].status == status


def test_deadline_ends_the_watch_and_says_how_to_resume(place: Place) -> None:
    start(place, "RUNNING")
    with pytest.raises(PipelineError, match=r"build\.py watch tiny-test-kernel/1"):
        watch_version(place.with_patience(run_s=0.15), REF, 1)


def test_interruption_leaves_the_kernel_running_and_says_how_to_resume(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = start(place, "RUNNING")
    previous = place.server.answer

    def interrupt(name: str, body: dict[str, object]) -> dict[str, object]:
        if name == "GetKernelSessionStatus" and place.server.count(name) == 3:
            import _thread

            _thread.interrupt_main()  # what Ctrl-C does
        return previous(name, body)

    place.server.answer = interrupt  # type: ignore[method-assign]
    assert watch_and_record(place.work, steady(place), REF, 1) == 130
    assert version.status == "RUNNING"
    assert "to resume: python build.py watch tiny-test-kernel/1" in capsys.readouterr().out
    assert place.server.count("CancelKernelSession") == 0


def test_newer_version_of_someone_else_does_not_mix_in(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    start(place, "RUNNING", "RUNNING", "RUNNING", "COMPLETE")
    other = place.server.push(REF, "y")
    other.statuses = ["RUNNING"]
    other.events = [{"data": "not mine\n"}]
    watched = watch_version(steady(place), REF, 1)
    assert watched.status.name == "COMPLETE"
    assert read_lines(capsys) == ["line 1", "line 2", "line 3"]
    assert place.server.count("GET log") == 0, "the live log is of the latest version"


def test_credentials_and_addresses_in_a_log_are_not_shown(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    version = start(place, "COMPLETE")
    version.events += [
        {"data": f"my key is {KEY}\n"},
        {"data": "token KGAT_abcdef\n"},
        {"data": f"GET https://storage.googleapis.com/x?{SIGNATURE}\n"},
        {"data": "saved /home/ada/weights.pth\n"},
    ]
    watch_version(steady(place), REF, 1)
    out = capsys.readouterr().out
    assert KEY not in out
    assert "KGAT_" not in out
    assert SIGNATURE not in out
    assert "/home/ada" not in out
    assert out.count("line withheld") == 2


def test_silent_stream_gives_way_to_the_next_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_place(tmp_path, monkeypatch, replace(QUICK, answer_s=0.3)) as place:
        place.server.play = play_complete
        start(place, "RUNNING", "RUNNING", "RUNNING", "COMPLETE")
        place.server.fail("GET log", silent_s=30)
        watch_version(steady(place), REF, 1)
        assert read_lines(capsys) == ["line 1", "line 2", "line 3"]


def test_lines_are_counted_over_reconnections() -> None:
    follower = LogFollower(None, REF)  # type: ignore[arg-type]
    assert list(follower.take(["a", "b"])) == ["a", "b"]
    assert list(follower.take_whole(["a", "b", "b", "c"])) == ["b", "c"]
    assert list(follower.take_whole(["a"])) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[{"data": "a\\nb\\n", "time": 1.5}, {"data": "c"}, 7, {"time": 2}]', ["a", "b", "c"]),
        ("plain\ntext", ["plain", "text"]),
        ("", []),
        ('{"data": "one"}', ["one"]),
    ],
)
def test_kept_log_is_read_in_any_form(text: str, lines: list[str]) -> None:
    assert parse_log(text) == lines


@settings(max_examples=50, deadline=None)
@given(st.text() | st.text("ab\n\r\v\x85") | st.recursive(JSON_VALUES, extend_json).map(json.dumps))
def test_any_text_is_read_as_some_lines(text: str) -> None:
    lines = parse_log(text)
    assert [line for line in lines if len(line.splitlines()) > 1] == []
    seconds = find_log_seconds(text)
    if seconds is not None:
        assert '"time"' in text
    try:
        json.loads(text)
    except ValueError:
        assert (lines, seconds) == ([line for line in text.splitlines() if line], None)


def test_log_tells_the_minutes() -> None:
    assert find_log_seconds('[{"data": "a", "time": 1.5}, {"time": 42}]') == 42
    assert find_log_seconds("[]") is None
