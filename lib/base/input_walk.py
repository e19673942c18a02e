"""A folder -> the folders below it, through links, each once, in sorted order.

Kaggle mounts data as SLUG or competitions/SLUG, datasets/OWNER/SLUG and so on, and through links.
What lies above the root is not entered.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MOST = 1_000_000  # folders, so that a walk ends
_REST = "what is here and behind it is not looked at: there are too many folders"


class Folder(NamedTuple):
    """A folder of a walk. Names that are taken out of `folders` are not entered."""

    label: str  # path below the root, "" for the root itself
    folders: list[str]  # names, sorted
    files: list[str]  # names of all else, sorted
    faults: list[tuple[str, str]]  # (label, why) of what cannot be entered

    def place(self, name: str) -> str:
        """A name in it -> its path below the root."""
        return os.path.join(self.label, name)


class InputWalk:
    """A walk through a folder: a folder's files, then the folders in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = {str(above) for above in Path(os.path.realpath(root)).parents}

    def enter(self, start: str = "") -> Iterator[Folder]:
        """Go through the root, or a folder below it, except where this walk was before."""
        waiting, left = [start], _MOST
        while waiting and left >= 0:
            label = waiting.pop()
            if self.is_new(self._root / label):
                folder = self._list(label) if left else _pass_over(label, _REST)
                yield folder
                waiting += map(folder.place, reversed(folder.folders))
                left -= 1

    def is_new(self, path: Path) -> bool:
        """Tell whether a file was not asked for before, by the same path or through a link."""
        before = len(self._seen)
        self._seen.add(os.path.realpath(path))
        return len(self._seen) > before

    def _list(self, label: str) -> Folder:
        folder = Folder(label, [], [], [])
        try:
            with os.scandir(self._root / label) as entries:
                for entry in entries:
                    try:
                        (folder.folders if entry.is_dir() else folder.files).append(entry.name)
                    except OSError as error:
                        reason = f"the link cannot be followed ({error.strerror})"
                        folder.faults.append((folder.place(entry.name), reason))
        except OSError as error:
            return _pass_over(label, f"the folder cannot be read ({error.strerror})")
        for names in folder[1:]:
            names.sort()
        return folder


def _pass_over(label: str, reason: str) -> Folder:
    return Folder(label, [], [], [(f"{label}/", reason)])


def advise(root: Path, slug: str, cure: str) -> str:
    """(an input without data, its competition or "", a cure) -> the cure, of an empty mount too."""
    folders = InputWalk(root).enter() if root.is_dir() else ()
    empty = [each.label or "it" for each in folders if not any(each[1:])]
    if not empty:
        return cure
    where = f" ({slug} or competitions/{slug})" * bool(slug)
    return f"push again, for a first run may find {empty[0]} empty{where}; or {cure}"


def find_files(root: Path, name: str) -> list[Path]:
    """(a folder, a file's name) -> each file of that name below it, in the order of their paths."""
    walk = InputWalk(root)
    found = sorted(root / folder.place(name) for folder in walk.enter() if name in folder.files)
    return [path for path in found if os.path.isfile(path) and walk.is_new(path)]
