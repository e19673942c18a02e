"""Print what a stage is doing: flushed, throttled lines on stdout with rate, unit and ETA."""

import sys
import threading
import time
from typing import Self

from lib.base.progress_bar import open_bar, print_line
from lib.base.terminal import as_printable, paint

_EVERY_S = 5.0
_BAR_AFTER_S, _BAR_EVERY_S = 1.0, 0.2  # of a stage that is over before, no bar is drawn
_WARNING = "warning:"
_SILENCE_S = 8.0  # of silence, then a heartbeat says that the stage is still at work


def log(stage: str, message: str) -> None:
    """Print a line on stdout and flush it at once (Kaggle shows logs live)."""
    message = as_printable(message)
    if message.startswith(_WARNING):
        message = paint(_WARNING, "yellow", sys.stdout) + message.removeprefix(_WARNING)
    print_line(f"{stage}: {message}", stage)
    _LAST_LINE.at = time.monotonic()


class _LastLine:
    """The time of the last line; a process has one stdout, so it has one of these."""

    at = time.monotonic()


_LAST_LINE = _LastLine()


def format_seconds(seconds: float) -> str:
    """Seconds -> "12.3 s", "4 min 05 s" or "2 h 03 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


class Progress:
    """Prints the counts of one stage: at most a line every few seconds, with rate, unit and ETA.

    On a terminal it draws a bar instead, where tqdm is installed.
    """

    def __init__(self, stage: str, total: float, unit: str, every_s: float = _EVERY_S) -> None:
        self._stage = stage
        self._total = total
        self._unit = unit
        self._bar = open_bar(stage, total)
        self._every_s = _BAR_EVERY_S if self._bar else every_s
        self._started = time.monotonic()
        self._first: float | None = None
        self._next = self._started + (_BAR_AFTER_S if self._bar else every_s)

    def update(self, done: float, note: str = "") -> None:
        """Print the count so far and a note, if the last line is old enough."""
        now = time.monotonic()
        if self._first is None:
            self._first = done  # a resumed stage starts above zero; only new ones count
            self._started = now if done else self._started
        ends_bar = self._bar is not None and self._bar.is_up and done >= self._total
        if now < self._next and not ends_bar:
            return
        self._next = now + self._every_s
        rate = (done - self._first) / max(now - self._started, 1e-9)
        left = max(0.0, self._total - done)
        eta = format_seconds(left / rate) if rate > 0 else "unknown"
        tail = f", {note}" if note else ""
        counts = f"{done:,.0f} of {self._total:,.0f} {self._unit}, {rate:,.1f}"
        if self._bar:
            self._bar.draw(done, f"{counts}/s, ETA {eta}", note)
            _LAST_LINE.at = now
            return
        counts = f"{counts} {self._unit}/s"
        log(self._stage, f"{counts}, ETA {eta}{tail}")


class Heartbeat:
    """Prints a line now and then while a stage that has nothing to count is at work.

    It watches from a thread of its own, so lines come during one long library call too.
    """

    def __init__(self, silence_s: float = _SILENCE_S) -> None:
        self.stage = "start"
        self._since = time.monotonic()
        self._silence_s = silence_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="heartbeat", daemon=True)

    def begin(self, stage: str) -> None:
        """Name the stage that begins."""
        self.stage, self._since = stage, time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._silence_s / 10):
            now = time.monotonic()
            if now - max(_LAST_LINE.at, self._since) >= self._silence_s:
                log(self.stage, f"still at work, for {format_seconds(now - self._since)}")
