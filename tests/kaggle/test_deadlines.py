"""Slow, endless and swollen answers: each call ends, transfers last while they move."""

import contextlib
import gzip
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib.kaggle.client import live_log, transport
from lib.kaggle.client.deadline import Deadline, DeadlineError, Rate
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernel_log import LogFollower
from lib.kaggle.client.kernels import get_status, list_outputs
from lib.kaggle.client.live_log import split_lines
from lib.kaggle.client.session import KaggleSession, open_plain_session
from lib.kaggle.client.submissions import submit_file
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.fetch import fetch_version
from lib.kaggle.watch import watch_version
from tests.kaggle.test_faults import DRIVERS
from tests.kaggle_place import NO_JOURNAL, QUICK, REF, Place, open_place, play_complete
from tests.kaggle_state import COMPETITION

HURRIED = replace(QUICK, call_s=0.4, slow_s=0.4, attempts=2)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch, HURRIED) as place:
        place.server.play = play_complete
        place.server.push(REF, "x")
        yield place


def repeat(byte: bytes) -> Iterator[bytes]:
    return itertools.repeat(byte)


DRIPS = {
    "nothing": [],
    "status line": repeat(b"H"),
    "header": itertools.chain([HEAD + b"X: "], repeat(b"x")),
    "interim answers": repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": itertools.chain([HEAD + b"Content-Length: 99999\r\n\r\n"], repeat(b" ")),
    "body without length": itertools.chain([HEAD + b"\r\n"], repeat(b" ")),
    "chunk's size": itertools.chain([HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"0")),
    "chunks": itertools.chain(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"1\r\n \r\n")
    ),
}


def ask(session: KaggleSession) -> None:
    get_status(session, REF, 1)


@pytest.mark.parametrize("name", [name for name in DRIPS if name != "nothing"])
def test_call_whose_answer_drips_ends_at_its_deadline(place: Place, name: str) -> None:
    place.server.fail("GetKernelSessionStatus", pieces=DRIPS[name], drip_s=0.02)
    with pytest.raises(KaggleError, match=r"no whole answer within 0\.4 s") as caught:
        ask(place.session)
    assert caught.value.passing
    assert caught.value.lost


@pytest.mark.parametrize("name", [name for name in DRIVERS if name != "GET log"])
def test_every_call_that_drips_is_made_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_place(tmp_path, monkeypatch, HURRIED) as place:
        place.server.play = play_complete
        place.server.fail(name, pieces=DRIPS["header"], drip_s=0.02)
        DRIVERS[name](place)


def test_drip_of_an_upload_acknowledgement_is_asked_about(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_bytes(b"id,f0\na,1\n")
    place.server.fail("PUT upload", pieces=DRIPS["header"], drip_s=0.02)
    submit_file(place.session, COMPETITION, path, "text [mark]", "[mark]", NO_JOURNAL)
    assert place.server.submissions[0]["content"] == path.read_bytes()


@pytest.mark.parametrize("name", ["status line", "body without length"])
def test_download_that_drips_is_begun_again(place: Place, name: str, tmp_path: Path) -> None:
    place.server.fail("GET file", pieces=DRIPS[name], drip_s=0.02)
    fetch_version(place.session, REF, 1, tmp_path / "runs" / "slug" / "v1")
    assert place.server.count("GET file") == 2


def test_download_has_no_total_deadline_while_it_moves(place: Place, tmp_path: Path) -> None:
    """It takes three times what a call may."""
    version = place.server.versions[REF][0]
    version.outputs = {"a.bin": b"x" * 120_000}
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 120000\r\n\r\n"
    place.server.fail("GET file", pieces=[head, *[b"x" * 1000] * 120], drip_s=0.01)
    target = tmp_path / "runs" / "slug" / "v1"
    began = time.monotonic()
    fetch_version(place.session, REF, 1, target)
    assert time.monotonic() - began > place.session.patience.call_s
    assert (target / "a.bin").read_bytes() == version.outputs["a.bin"]
    assert place.server.count("GET file") == 1


class Clock:
    """A clock that goes as far as each wait on the socket lasts."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """A socket from which sizes come at times; between them waits run out."""

    def __init__(self, clock: Clock, arrivals: Iterable[tuple[float, int]]) -> None:
        self.clock = clock
        self.arrivals = list(arrivals)
        self.wait_s = 0.0

    def settimeout(self, wait_s: float) -> None:
        self.wait_s = wait_s

    def recv_into(self, buffer: memoryview) -> int:
        when, size = self.arrivals[0] if self.arrivals else (float("inf"), 0)
        if when > self.clock.now + self.wait_s:
            self.clock.now += self.wait_s
            raise TimeoutError
        self.clock.now = max(when, self.clock.now)
        self.arrivals.pop(0)
        return size


def read_all(deadline: Deadline, source: Source) -> int:
    total = 0
    while source.arrivals:
        total += deadline.read_into(source, memoryview(b""))  # type: ignore[arg-type]
    return total


def test_transfer_ends_at_the_first_slow_minute() -> None:
    clock, patience = Clock(), Patience()
    fast = [(second, 20_000) for second in range(1, 200)]
    slow = [(second, 9_000) for second in range(200, 900)]
    deadline = Deadline(patience, Rate(), clock=clock)
    deadline.begin_body()
    with pytest.raises(DeadlineError, match="less than 10,000 bytes a second for 60 s"):
        read_all(deadline, Source(clock, [*fast, *slow]))  # type: ignore[list-item]
    assert 240 <= clock.now <= 320


def test_transfer_as_slow_as_it_may_be_lasts_for_hours() -> None:
    clock, patience = Clock(), Patience()
    deadline = Deadline(patience, Rate(), clock=clock)
    deadline.begin_body()
    arrivals = [(float(second), 10_100) for second in range(1, 20_000)]
    assert read_all(deadline, Source(clock, arrivals)) == 10_100 * 19_999


def test_transfers_that_share_a_line_are_slow_only_together() -> None:
    clock, patience, rate = Clock(), Patience(), Rate()
    deadline = Deadline(patience, rate, clock=clock)
    deadline.begin_body()
    arrivals = [(float(second), 1000) for second in range(1, 300)]
    source = Source(clock, arrivals)
    while source.arrivals:
        deadline.read_into(source, memoryview(b""))  # type: ignore[arg-type]
        rate.add(10_000)  # another one's
    assert clock.now == 299


def test_silence_ends_an_endless_answer() -> None:
    clock, patience = Clock(), Patience()
    deadline = Deadline(patience, endless=True, clock=clock)
    deadline.begin_body()
    arrivals = [(80.0 * number, 1) for number in range(1, 100)]
    with pytest.raises(DeadlineError, match="nothing moved for 90 s"):
        read_all(deadline, Source(clock, [*arrivals, (99_999.0, 1)]))
    assert clock.now == 80 * 99 + 90


def test_upload_that_nobody_takes_ends() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(Patience(slow_s=0.2, slow_bytes_s=1e9), Rate())
        with pytest.raises(DeadlineError, match="less than"):
            deadline.send_all(ours, b"x" * (64 << 20))


def test_exchange_is_given_up_from_another_thread() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(Patience(), endless=True)
        deadline.begin_body()
        theirs.sendall(b"x")
        assert deadline.read_into(ours, memoryview(bytearray(9))) == 1
        deadline.cancel()
        with pytest.raises(DeadlineError, match="given up"):
            deadline.read_into(ours, memoryview(bytearray(9)))


# Size


def swell(kind: str) -> list[bytes]:
    """A kind of swollen answer -> its pieces."""
    if kind == "gzip bomb":
        body = gzip.compress(b" " * (2 << 20))
        return [
            HEAD + b"Content-Encoding: gzip\r\n",
            b"Content-Length: %d\r\n\r\n" % len(body),
            body,
        ]
    if kind == "deep JSON":
        return [HEAD + b"\r\n", b"[" * 100_000]
    return [HEAD + b"\r\n", *[b" " * 65536] * 40]


@pytest.mark.parametrize("kind", ["long JSON", "gzip bomb"])
def test_huge_answer_is_not_read(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 1 << 20)
    place.server.fail("GetKernelSessionStatus", pieces=swell(kind))
    with pytest.raises(KaggleError, match="an answer of more than 1,048,576 bytes") as caught:
        ask(place.session)
    assert not caught.value.passing


def test_refusal_of_any_size_is_told_by_its_code(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 1 << 20)
    pieces = [b"HTTP/1.1 403 No\r\nContent-Type: text/html\r\n\r\n", *[b"<p>" * 65536] * 40]
    place.server.fail("GET file", pieces=pieces)
    with pytest.raises(KaggleError, match="an answer of more than"):
        fetch_version(place.session, REF, 1, tmp_path / "runs" / "slug" / "v1")


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"<html>sign in</html>", b'{"status": "COMP'])
def test_empty_or_torn_answer_is_told_as_such(place: Place, body: bytes) -> None:
    pieces = [HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body]
    place.server.fail("GetKernelSessionStatus", pieces=pieces)
    words = "an empty answer" if not body.strip() else "an answer that is no JSON"
    with pytest.raises(KaggleError, match=words):
        ask(place.session)


def test_deep_json_is_an_error_with_a_cure(place: Place) -> None:
    place.server.fail("GetKernelSessionStatus", pieces=swell("deep JSON"))
    with pytest.raises(KaggleError):
        ask(place.session)


def test_file_that_ends_before_its_length_is_not_whole(place: Place, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nonly this"
    place.server.fail("GET file", pieces=[head])
    target = tmp_path / "runs" / "slug" / "v1"
    fetch_version(place.session, REF, 1, target)
    assert (target / "a.txt").read_bytes() == b"alpha" * 100
    assert place.server.count("GET file") == 2


def test_pages_without_end_are_left(place: Place) -> None:
    pages = ({"files": [], "nextPageToken": f"{number}"} for number in itertools.count())
    for _ in range(150):
        place.server.fail("ListKernelSessionOutput", answer=next(pages))
    with pytest.raises(KaggleError, match="no end after 100 pages"):
        list_outputs(place.session, REF, 1)


# Redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "where", ["http://elsewhere.localhost/x", "//elsewhere.localhost/x", "ftp://localhost/x"]
)
def test_call_is_not_sent_on_to_another_host(place: Place, code: int, where: str) -> None:
    head = f"HTTP/1.1 {code} Moved\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode()
    place.server.fail("GetKernelSessionStatus", pieces=[head])
    before = len(place.server.calls)
    with pytest.raises(KaggleError, match="a redirect to another host, which was not followed"):
        ask(place.session)
    assert len(place.server.calls) == before + 1


def test_signed_addresses_get_no_credentials_of_netrc(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ada password c0ffee\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fetch_version(place.session, REF, 1, tmp_path / "runs" / "slug" / "v1")
    with open_plain_session(QUICK) as plain:
        answer = plain.get(f"http://storage.localhost/files/{REF}/1/a.txt")
    assert answer.content == b"alpha" * 100
    assert "Authorization" not in answer.request.headers


# Live logs


def follow(place: Place, pieces: Iterable[bytes], seconds: float = 5.0) -> list[str]:
    place.server.versions[REF][0].statuses = ["RUNNING"]
    place.server.fail("GET log", pieces=pieces)
    follower = LogFollower(place.session, REF)
    return list(follower.read_until(time.monotonic() + seconds))


@pytest.mark.parametrize("chunked", [False, True])
def test_log_of_megabyte_lines_is_shown_once_and_whole(place: Place, chunked: bool) -> None:
    line = "y" * (1 << 20)
    body = b"".join(b"data: %s\n\n" % json.dumps({"data": line}).encode() for _ in range(8))
    body += b"data: END_OF_LOG\n\n"
    parts = [body[start : start + 5000] for start in range(0, len(body), 5000)]
    head = STREAM + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n")
    if chunked:
        parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
    assert follow(place, [head, *parts], seconds=30) == [line] * 8


def test_lines_cost_time_by_their_bytes_alone() -> None:
    """Each byte is looked at and joined once, however many pieces a line comes in."""
    pieces = [b"z"] * 300_000 + [b"\n", b"rest\r\nlast"]
    assert list(split_lines(iter(pieces))) == [b"z" * 300_000, b"rest"]


def test_line_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log, "LONGEST_LINE", 1000)
    lines = list(split_lines(iter([b"a" * 300] * 50 + [b"\nshort\n"])))
    assert lines == [b"a" * 1000, b"short"]


@pytest.mark.parametrize("kind", ["plain", "chunked"])
def test_log_without_line_ends_holds_no_poll_up(place: Place, kind: str) -> None:
    version = place.server.versions[REF][0]
    version.statuses = ["RUNNING", "RUNNING", "RUNNING", "COMPLETE"]
    head = STREAM + (b"\r\n" if kind == "plain" else b"Transfer-Encoding: chunked\r\n\r\n")
    drip = b"d" if kind == "plain" else b"1\r\nd\r\n"
    pieces = itertools.chain([head], repeat(drip))
    place.server.fail("GET log", pieces=pieces, drip_s=0.02, times=99)
    session = place.with_patience(poll_s=0.05, longest_poll_s=0.05)
    assert watch_version(session, REF, 1).status.name == "COMPLETE"
    assert place.server.count("GetKernelSessionStatus") == 4
    assert place.server.count("GET log") == 1


def test_quiet_log_stays_open_over_polls(place: Place) -> None:
    version = place.server.versions[REF][0]
    version.statuses = ["RUNNING"] * 6 + ["COMPLETE"]
    session = place.with_patience(poll_s=0.05, longest_poll_s=0.05)
    watch_version(session, REF, 1)
    assert place.server.count("GET log") == 1


def test_thread_of_a_log_that_nobody_reads_ends(place: Place) -> None:
    events = b"data: {}\n\n" * 5000
    place.server.fail("GET log", pieces=itertools.chain([STREAM + b"\r\n"], repeat(events)))
    log = live_log.LiveLog(place.session, REF)
    log.take(5)
    log.close()
    with contextlib.suppress(queue.Empty):
        while log.take(0.5) is not None:
            pass
    assert "live log" not in [thread.name for thread in threading.enumerate()]
