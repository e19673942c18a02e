"""What changes things on Kaggle -> done by one process of a workplace at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lib.base.disk_errors import explain_disk
from lib.base.log import log
from lib.kaggle.workspace import Workplace


@contextmanager
def hold(work: Workplace, what: str, wait: bool) -> Iterator[bool]:
    """(workplace, "push" or "submit", whether to wait) -> whether no other process does it now.

    The lock is a file in runs/, and freed when the process that holds it ends.
    """
    path = work.root / "runs" / f"{what}.lock"
    with explain_disk(what, "runs/ cannot be written", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                yield False
                return
            log(what, f"another {what} from here is under way: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield True
