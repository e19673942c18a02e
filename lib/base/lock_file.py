"""Lock a file for one process at a time, until it closes the file or ends."""

import fcntl
from pathlib import Path
from typing import IO, Any, BinaryIO


def open_lock_file(path: Path) -> BinaryIO:
    """Open a file that serves only as a lock; create it where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def lock(
    file: IO[Any], *, shared: bool = False, wait: bool = True, own_process: bool = False
) -> bool:
    """Lock an open file until it is closed; return False if it is taken and `wait` is off.

    The lock belongs to the open file: forked children hold it too, but a process that opens the
    file again does not. With `own_process` the lock belongs to this process and ends with it.
    """
    flags = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        (fcntl.lockf if own_process else fcntl.flock)(file, flags)
    except (BlockingIOError, PermissionError):  # which of the two depends on the system
        return False
    return True
