"""Bundle again whenever a file changes, comes or goes, until interrupted."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.base.terminal import paint

_WATCH_S = 0.5
_MOST_FILES = 20_000  # of the program's folders that are looked at for new ones
_IGNORED = {"__pycache__", "node_modules", "build", "dist"}

Stamp = tuple[int, int]  # of a file: nanoseconds of its last change, bytes
_GONE = (0, 0)


def watch_sources(
    write: Callable[[], Mapping[Path, str]], folders: Iterable[Path], outputs: Iterable[Path]
) -> int:
    """Write a bundle now, and again at every change.

    `write` returns the files that it read, each with the sha256 of what it read. All files of the
    `folders` are watched too: a new one may cure an error, match a glob or be a package's data.
    """
    folders, ignored = tuple(folders), {path.resolve() for path in outputs}
    seen: dict[Path, Stamp | None] = {}
    names: frozenset[Path] | None = None
    while True:
        now = _list_files(folders, ignored)
        changed = any(stamp is None or _stamp(file) != stamp for file, stamp in seen.items())
        if names is None or now != names or changed:
            # Where bundling fails, the file to mend may be one that no bundle has held yet.
            seen = {file: _stamp(file) for file in now if file.suffix in (".py", ".ipynb")}
            try:
                read = write()
                names, seen = now, _stamp_inputs(read)
            except InputError as error:
                names = now
                told = paint("error:", "red", sys.stderr)
                print(f"{told} {error}", file=sys.stderr, flush=True)
        time.sleep(_WATCH_S)


def _list_files(folders: tuple[Path, ...], ignored: set[Path]) -> frozenset[Path]:
    """Folders -> the files below them, but for hidden ones and those that are written here."""
    found: set[Path] = set()
    for top in folders:
        for folder, below, files in os.walk(top):
            below[:] = [name for name in below if name[0] != "." and name not in _IGNORED]
            found |= {Path(folder, name) for name in files if name[0] != "."}
            if len(found) > _MOST_FILES:
                break
    return frozenset(path for path in found if path.resolve() not in ignored)


def _stamp_inputs(read: Mapping[Path, str]) -> dict[Path, Stamp | None]:
    """Stamp the files in a bundle; None stands for one that has changed since it was read."""
    seen: dict[Path, Stamp | None] = {}
    for file, sha256 in read.items():
        stamp = _stamp(file)  # before the hash, so that a change in between is seen later
        try:
            is_same = sha256_file(file) == sha256
        except OSError:  # it has gone meanwhile
            is_same = False
        seen[file] = stamp if is_same else None
    return seen


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
        return status.st_mtime_ns, status.st_size
    except OSError:
        return _GONE
