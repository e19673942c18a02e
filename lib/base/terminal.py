"""Tell whether a stream is a terminal, and colour words on it, unless NO_COLOR is set."""

import os
import sys
from typing import TextIO

_CODES = {"red": "31", "yellow": "33", "green": "32", "bold": "1"}


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that can move its cursor; TERM=dumb cannot."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def open_closed_streams() -> None:
    """Let stdout and stderr lead nowhere where the caller closed them, as `>&-` does."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Return the text in a colour, or as it is where the stream or NO_COLOR forbids it.

    NO_COLOR counts when it is not empty, see no-color.org.
    """
    if os.environ.get("NO_COLOR") or not is_terminal(stream):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def as_printable(text: str) -> str:
    """A text of anybody's -> one line that moves no cursor: all that does not print is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
