"""Read a kernel's live log in a thread of its own, so that a slow log holds nobody up."""

import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

import requests
import urllib3

from lib.kaggle.client.deadline import Deadline
from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.transport import MOST_BYTES

LONGEST_LINE = 16 << 20  # bytes; the rest of a longer one is left out
END = "END_OF_LOG"
_PIECE = 1 << 16
_AHEAD = 1000  # events that are read before somebody asks for them


class LiveLog:
    """An open stream of the log of a kernel's latest session."""

    def __init__(self, session: KaggleSession, ref: str) -> None:
        self._session = session
        self._ref = ref
        self._deadline = Deadline(session.patience, endless=True)
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue(_AHEAD)
        self._is_closed = threading.Event()
        self.is_whole = False  # once the last event has been taken: whether the log had its end
        threading.Thread(target=self._read, name="live log", daemon=True).start()

    def take(self, wait_s: float) -> dict[str, Any] | None:
        """Return the next event; None after the last one; raise queue.Empty if none comes."""
        return self._events.get(timeout=max(wait_s, 0.001))

    def close(self) -> None:
        """Close the connection; the thread ends soon."""
        self._is_closed.set()
        self._deadline.cancel()

    def _read(self) -> None:
        """Pass on all events, then None."""
        # A refused or broken stream is opened again by whoever wants more.
        with contextlib.suppress(*MALFORMED, KaggleError, OSError):
            for event in self._receive():
                self._put(event)
            self.is_whole = True
        self._put(None)

    def _put(self, event: dict[str, Any] | None) -> None:
        while not self._is_closed.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=0.1)
                return

    def _receive(self) -> Iterator[dict[str, Any]]:
        http = self._session.sdk.http_client()
        owner, slug = self._ref.split("/")
        base = http._get_request_url("", "").rstrip("/")
        answer = http._session.get(
            f"{base}/kernels/logs/stream/{owner}/{slug}",
            stream=True,
            timeout=self._deadline,
            headers={"Accept": "text/event-stream, */*", "Accept-Encoding": "identity"},
        )
        with answer:
            if answer.status_code >= 300:
                raise explain(
                    "the live log", requests.HTTPError(response=answer), self._session.secrets
                )
            kind = answer.headers.get("Content-Type", "").lower()
            if not kind.startswith("text/event-stream"):  # the run is over: all of it at once
                yield from parse_events(_join(_list_pieces(answer)))
                return
            for line in split_lines(_list_pieces(answer)):
                if not line.startswith(b"data:"):
                    continue
                payload = line.removeprefix(b"data:").strip().decode("utf-8", "replace")
                if payload == END:
                    return
                yield _parse_event(payload)
            raise requests.ConnectionError("the stream ended without its mark")


def split_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of any sizes -> lines without their ends, in time that grows with the bytes alone."""
    rest: list[bytes] = []
    size = 0
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        for line in lines:
            yield b"".join([*rest, line])[:LONGEST_LINE].removesuffix(b"\r")
            rest, size = [], 0
        if size < LONGEST_LINE:
            rest.append(last)
            size += len(last)


def parse_events(text: str) -> list[dict[str, Any]]:
    """A JSON array of events, or any text -> events; those of no known form are left out."""
    try:
        events = json.loads(text)
    except (ValueError, RecursionError):
        return [{"data": line} for line in text.splitlines()]
    if not isinstance(events, list):
        events = [events]
    return [event for event in events if isinstance(event, dict)]


def _parse_event(payload: str) -> dict[str, Any]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        event = None
    return event if isinstance(event, dict) else {"data": payload}


def _list_pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield what has come, as soon as it has come, whether the answer is chunked or not."""
    try:
        while piece := answer.raw.read1(_PIECE, decode_content=True):
            yield piece
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _join(pieces: Iterator[bytes]) -> str:
    """Pieces -> their text, if it is no longer than an answer may be."""
    kept, size = [], 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise requests.ConnectionError("a log that is too long")
    return b"".join(kept).decode("utf-8", "replace")
