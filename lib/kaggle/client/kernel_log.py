"""Follow the log of a running kernel, and parse the log that Kaggle keeps of an ended one."""

import json
import time
from collections.abc import Iterator
from typing import Any

import requests

from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.session import KaggleSession

_END = "END_OF_LOG"
_LATEST_S = 1e9  # a time beyond it is no time of a session


def parse_log(text: str) -> list[str]:
    """A log of ListKernelSessionOutput, a JSON array of events -> its lines."""
    return [line for event in _parse_events(text) for line in _split_event(event)]


def find_log_seconds(text: str) -> float | None:
    """A log as for parse_log -> seconds from the session's start to its last event, or None."""
    times: list[Any] = [event.get("time") for event in _parse_events(text)]
    numbers = [time for time in times if type(time) in (int, float) and abs(time) < _LATEST_S]
    return float(max(numbers)) if numbers else None


class LogFollower:
    """Yields each line of the live log of a kernel's latest session once.

    Kaggle replays the stream from its beginning whenever it is opened. So lines are counted, and
    those that were yielded before are skipped.
    """

    def __init__(self, session: KaggleSession, ref: str) -> None:
        self._session = session
        self._ref = ref
        self._events: Iterator[dict[str, Any]] | None = None
        self._response: requests.Response | None = None
        self._passed = 0  # lines read from this connection
        self.count = 0  # lines yielded
        self.is_finished = False

    @property
    def is_open(self) -> bool:
        """Tell whether the stream is open."""
        return self._events is not None

    def read_until(self, end: float) -> Iterator[str]:
        """Yield the new lines until a time of time.monotonic().

        A refused or broken stream ends the generator without an error. The next call opens the
        stream again.
        """
        while not self.is_finished and (left := end - time.monotonic()) > 0:
            try:
                if self._events is None:
                    self._open(left)
                event = next(self._events or iter(()), None)
            except (*MALFORMED, KaggleError):
                self.close()
                return
            if event is None:
                self.is_finished = True
                self.close()
                return
            yield from self.take(_split_event(event))

    def take(self, lines: list[str]) -> Iterator[str]:
        """Yield those of this connection's next lines that were not yielded before."""
        for line in lines:
            self._passed += 1
            if self._passed > self.count:
                self.count = self._passed
                yield line

    def take_whole(self, lines: list[str]) -> Iterator[str]:
        """Yield those lines of the whole log so far that were not yielded before."""
        self.close()
        return self.take(lines)

    def close(self) -> None:
        """Close the connection; the next one counts from zero."""
        if self._response is not None:
            self._response.close()
        self._response, self._events, self._passed = None, None, 0

    def _open(self, silence_s: float) -> None:
        self.close()
        http = self._session.sdk.http_client()
        owner, slug = self._ref.split("/")
        base = http._get_request_url("", "").rstrip("/")
        answer = http._session.get(
            f"{base}/kernels/logs/stream/{owner}/{slug}",
            stream=True,
            timeout=(self._session.patience.connect_s, max(silence_s, 0.05)),
            headers={"Accept": "text/event-stream, */*"},
        )
        self._response = answer
        if answer.status_code >= 400:
            raise explain(
                "the live log", requests.HTTPError(response=answer), self._session.secrets
            )
        kind = answer.headers.get("Content-Type", "").lower()
        live = kind.startswith("text/event-stream")
        self._events = _read_stream(answer) if live else iter(_parse_events(answer.text))


def _read_stream(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield log events of a stream until its end mark; raise where it breaks off before."""
    # Without chunked encoding, a larger read would block until it is full.
    for raw in answer.iter_lines(chunk_size=512 if answer.raw.chunked else 1):
        line = raw.decode("utf-8", "replace")
        if not line.startswith("data:"):
            continue
        payload = line.removeprefix("data:").lstrip()
        if payload == _END:
            return
        try:
            event = json.loads(payload)
        except (ValueError, RecursionError):
            event = payload
        yield event if isinstance(event, dict) else {"data": payload}
    raise requests.ConnectionError("the stream ended without its mark")


def _parse_events(text: str) -> list[dict[str, Any]]:
    try:
        events = json.loads(text)
    except (ValueError, RecursionError):
        return [{"data": line} for line in text.splitlines()]
    if not isinstance(events, list):
        events = [events]
    return [event for event in events if isinstance(event, dict)]


def _split_event(event: dict[str, Any]) -> list[str]:
    data = event.get("data")
    return data.splitlines() if isinstance(data, str) else []
