"""Chapters of a bundle: which file stands where, so that it reads from the top like a book.

A bundle's sections are inert text, so their order is free.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lib.bundler.sources import Source


@dataclass(frozen=True)
class Chapter:
    """A title, and the paths (globs) of its files in reading order."""

    title: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Arranged:
    """A chapter with the files that it holds."""

    title: str  # empty: the bundle has no chapters
    summary: str  # the first line of what its first file says of itself
    paths: tuple[str, ...]


def arrange(
    chapters: Sequence[Chapter], paths: Sequence[str], sources: Mapping[str, Source]
) -> list[Arranged]:
    """(chapters, paths with every file behind those that it imports, sources) -> Arranged.

    A file belongs to the longest glob that matches its path; one that no glob matches goes into the
    last chapter. Within one glob an importer stands above what it imports.
    Chapters without a file are left out, and the others numbered. Without chapters all files are
    one, without a title.
    """
    from_the_top = list(reversed(paths))
    if not chapters:
        return [Arranged("", "", tuple(from_the_top))]
    places = {path: _find_place(chapters, path) for path in from_the_top}
    arranged: list[Arranged] = []
    for number, chapter in enumerate(chapters):
        own = [path for path in from_the_top if places[path][0] == number]
        own.sort(key=lambda path: places[path][1])
        if own:
            title = f"{len(arranged) + 1:2d}. {chapter.title}"
            summary = _summarise(chapter.title, sources.get(own[0]))
            arranged.append(Arranged(title, summary, tuple(own)))
    return arranged


def _find_place(chapters: Sequence[Chapter], path: str) -> tuple[int, int]:
    """A path -> (number of its chapter, of the glob in it)."""
    found = [
        (len(glob), -number, -place)
        for number, chapter in enumerate(chapters)
        for place, glob in enumerate(chapter.paths)
        if fnmatchcase(path, glob)
    ]
    if not found:
        return len(chapters) - 1, len(chapters[-1].paths)
    _, number, place = max(found)
    return -number, -place


def _summarise(title: str, source: Source | None) -> str:
    """A chapter's title, its first module -> the first line of that one's docstring, or nothing.

    Where the line begins with the title, it is not said twice.
    """
    said = ast.get_docstring(source.tree) if source else None
    line = said.split("\n", 1)[0] if said else ""
    named = title.lower().removeprefix("the ")
    return re.sub(rf"^(the )?{re.escape(named)}[:,] ", "", line, flags=re.IGNORECASE)
