"""Lock a file for one process at a time, on Linux, macOS and Windows.

The lock belongs to the open file, and ends when that is closed or its process ends. The other one,
lock_file, is the kernel's, which runs on Linux and without packages of ours.
"""

from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

_LOOK_S = 0.005  # between two looks at a lock that another process has


def open_lock_file(path: Path) -> BinaryIO:
    """Open a file that serves only as a lock; create it where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def lock(file: IO[Any], wait: bool = True) -> bool:
    """Lock an open file until it is closed; return False if it is taken and `wait` is off."""
    from filelock import lock_descriptor  # loading a command needs plain Python only

    return lock_descriptor(file.fileno(), blocking=wait, poll_interval=_LOOK_S)


def lock_to_read(file: IO[Any]) -> None:
    """Wait until nobody writes to an open file.

    `runs` lists in plain Python too: without the package, a line that is being written is left out.
    """
    with suppress(ImportError):
        lock(file)
