"""Follow the log of a running kernel, and parse the log that Kaggle keeps of an ended one."""

import queue
import time
from collections.abc import Iterator
from typing import Any

from lib.kaggle.client.live_log import LiveLog, parse_events
from lib.kaggle.client.session import KaggleSession

_LATEST_S = 1e9  # a time beyond it is no time of a session


def parse_log(text: str) -> list[str]:
    """A log of ListKernelSessionOutput, a JSON array of events -> its lines."""
    return [line for event in parse_events(text) for line in _split_event(event)]


def find_log_seconds(text: str) -> float | None:
    """A log as for parse_log -> seconds from the session's start to its last event, or None."""
    times: list[Any] = [event.get("time") for event in parse_events(text)]
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
        self._live: LiveLog | None = None
        self._passed = 0  # lines read from this connection
        self.count = 0  # lines yielded
        self.is_finished = False

    @property
    def is_open(self) -> bool:
        """Tell whether the stream is open, or being opened."""
        return self._live is not None

    def read_until(self, end: float) -> Iterator[str]:
        """Yield the new lines until a time of time.monotonic(); the stream stays open.

        A refused or broken stream ends the generator without an error. The next call opens the
        stream again.
        """
        while not self.is_finished and (left := end - time.monotonic()) > 0:
            if self._live is None:
                self._live, self._passed = LiveLog(self._session, self._ref), 0
            try:
                event = self._live.take(left)
            except queue.Empty:
                return
            if event is None:
                self.is_finished = self._live.is_whole
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
        if self._live is not None:
            self._live.close()
        self._live, self._passed = None, 0


def _split_event(event: dict[str, Any]) -> list[str]:
    data = event.get("data")
    return data.splitlines() if isinstance(data, str) else []
