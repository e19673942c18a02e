"""An open file -> a lock that one process holds at a time, until it closes the file or ends."""

import fcntl
from pathlib import Path
from typing import IO, Any, BinaryIO


def open_lock_file(path: Path) -> BinaryIO:
    """Open a file that serves as nothing but a lock, and make it where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def lock(
    file: IO[Any], *, shared: bool = False, wait: bool = True, own_process: bool = False
) -> bool:
    """Lock an open file until it is closed; return False if it is taken and `wait` is off.

    The lock belongs to the open file: forked children hold it too, and whoever opens the file
    anew does not. With `own_process` it belongs to this process alone, and ends with it.
    """
    flags = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        (fcntl.lockf if own_process else fcntl.flock)(file, flags)
    except (BlockingIOError, PermissionError):  # which of the two depends on the system
        return False
    return True
