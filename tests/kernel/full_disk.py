"""A disk that is full from the first write of a file on, by the kernel's own limit or by audit.

A file is known by its path below a root, without the random part of a temporary file's name.
"""

import errno
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PART = re.compile(r"\.(.+)\.\w{8}\.part")
_LEFT = 7  # bytes of a file that still fit where writes are limited
WAYS = ("open", "write", "sync", "rename")


class FullDisk:
    """The disk below a root; each file is the first one that finds it full, once."""

    def __init__(self, root: Path, way: str) -> None:
        assert way in WAYS
        self.root, self.way = root, way
        self.met: list[str] = []  # files that found it full first, in the order of the run
        self._is_watched = self._is_full = False
        self._known: set[str] = set()
        self._sync = os.fsync
        sys.addaudithook(self._hear)  # there is no way to take it off: it then does nothing

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let one more file meet the full disk; there is room again at the end of the block."""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._is_watched, os.fsync = True, self._refuse_sync
        try:
            yield
        finally:
            self._is_watched = self._is_full = False
            os.fsync = self._sync
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    @property
    def is_full(self) -> bool:
        """Tell whether a file has met it in this block."""
        return self._is_full

    def _hear(self, event: str, words: tuple[Any, ...]) -> None:
        if not self._is_watched:
            return
        if event == "open" and isinstance(words[2], int) and words[2] & os.O_CREAT:
            self._meet(words[0], ("open", "write"))
        elif event == "os.rename":
            self._meet(words[1], ("rename",))

    def _refuse_sync(self, number: int) -> None:
        self._meet(os.readlink(f"/proc/self/fd/{number}"), ("sync",))
        self._sync(number)

    def _meet(self, path: Any, ways: tuple[str, ...]) -> None:
        """A file that is about to be written -> an error, or a limit, where the disk is full."""
        name = self._name(path)
        if not name or self.way not in ways:
            return
        if not self._is_full and name not in self._known:
            self._known.add(name)
            self.met.append(name)
            self._is_full = True
        if self._is_full and self.way == "write":
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (_LEFT, hard))
        elif self._is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def _name(self, path: Any) -> str:
        if not isinstance(path, str | os.PathLike) or not Path(path).is_relative_to(self.root):
            return ""
        place = Path(path).relative_to(self.root)
        part = _PART.fullmatch(place.name)
        return str(place.with_name(part[1]) if part else place)
