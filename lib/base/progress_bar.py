"""Draw a stage's progress as a bar in a terminal's last line, where tqdm is installed."""

import importlib
import shutil
import sys
from collections.abc import Callable
from typing import TextIO

from lib.base.terminal import is_terminal

_CLEAR = "\r\x1b[K"  # to the line's start, and nothing in it
_LEAST_BAR = 10  # columns; a note is left out where it takes them


class Bar:
    """The bar of one stage.

    It stands in the terminal's last line. A line of another stage takes its place, until it is
    drawn again; so a stage that ends early leaves none, and a whole one stays.
    """

    def __init__(self, meter: Callable[..., str], stream: TextIO, stage: str, total: float) -> None:
        self.stage = stage
        self.stream = stream
        self.text = ""
        self._meter = meter
        self._total = total
        self._is_whole = False

    @property
    def is_up(self) -> bool:
        """Tell whether it stands in the terminal's last line."""
        return _SCREEN.bar is self

    def draw(self, done: float, counts: str, note: str) -> None:
        """Draw the share that is done, with the counts and, where there is room, the note."""
        if self._is_whole:
            return
        if not self.is_up:
            erase_bar()
        columns = shutil.get_terminal_size().columns - 1
        tail = f"{counts}, {note}" if note else counts
        if len(self.stage) + len(": 100%||  ") + len(tail) + _LEAST_BAR > columns:
            tail = counts
        escaped = tail.replace("{", "{{").replace("}", "}}")
        self.text = self._meter(
            min(done, self._total),
            self._total,
            elapsed=0.0,  # the counts say the time
            ncols=columns,
            prefix=self.stage,
            ascii=not (self.stream.encoding or "").lower().startswith("utf"),
            bar_format="{desc}: {percentage:3.0f}%|{bar}| " + escaped,
        )
        print(_CLEAR + self.text, end="", file=self.stream, flush=True)
        _SCREEN.bar = self
        if done >= self._total:
            self._is_whole = True
            end_bar()


class _Screen:
    """The bar in the last line; a process has one terminal, so it has one of these."""

    bar: Bar | None = None


_SCREEN = _Screen()


def open_bar(stage: str, total: float) -> Bar | None:
    """Make a stage's bar; None where stdout is no terminal or tqdm is not installed."""
    if not is_terminal(sys.stdout) or total <= 0:
        return None
    try:
        meter = importlib.import_module("tqdm").tqdm.format_meter
    except ImportError:
        return None
    return Bar(meter, sys.stdout, stage, total)


def erase_bar() -> None:
    """Erase the bar, if there is one; what is printed next takes its place."""
    if (bar := _SCREEN.bar) is not None:
        _SCREEN.bar = None
        print(_CLEAR, end="", file=bar.stream, flush=True)


def end_bar() -> None:
    """Leave the bar as it is, if there is one; what is printed next stands below it."""
    if (bar := _SCREEN.bar) is not None:
        _SCREEN.bar = None
        print(file=bar.stream, flush=True)


def print_line(line: str, stage: str) -> None:
    """Print a stage's line on stdout and flush it: above its own bar, in place of another's.

    A line and a bar go out in one piece, because the heartbeat's thread prints lines, too.
    """
    bar = _SCREEN.bar
    if bar is not None and bar.stage == stage:
        print(f"{_CLEAR}{line}\n{bar.text}", end="", file=bar.stream, flush=True)
        return
    erase_bar()
    print(line, file=sys.stdout, flush=True)
