"""A command -> what it writes to a terminal of its own, and what stands on its screen then."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path


def type_in_terminal(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, columns: int = 100
) -> tuple[str, int]:
    """(words, additions to the environment, folder, columns) -> (all that was written, code)."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        words,
        cwd=folder,
        env={**kept, "TERM": "xterm", "LANG": "C.UTF-8", **environment},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        written = b""
        while piece := _read(leader):
            written += piece
        code = process.wait()
    os.close(leader)
    return written.decode().replace("\r\n", "\n"), code


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # the other side is closed
        return b""


def read_screen(written: str) -> list[str]:
    r"""What was written -> the lines of the screen: \r goes to a line's start, \x1b[K clears it."""
    lines = []
    for line in written.split("\n"):
        shown = ""
        for part in line.split("\r"):
            if part.startswith("\x1b[K"):
                shown = ""
            part = part.removeprefix("\x1b[K")
            shown = part + shown[len(part) :]
        lines.append(shown)
    return lines
