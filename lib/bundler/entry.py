"""A program to be bundled: its script, where its packages lie, and what is asked of the bundle."""

from dataclasses import dataclass
from pathlib import Path

from lib.bundler.chapters import Chapter


@dataclass(frozen=True)
class Entry:
    """What to bundle. Paths of files and folders count from `root`, with "/"."""

    text: str | bytes  # of the script that runs
    name: str  # its path, as tracebacks show it: "train.py", "scripts/train.py"
    root: Path  # the folder below which its packages lie
    include: tuple[str, ...] = ()  # globs of further modules (dotted) or files (paths) to take
    style: str = "code"
    preface: str = ""  # Python that runs first, shown below the header
    head: str = ""  # text of the header, the first line its title; empty: the usual one
    chapters: tuple[Chapter, ...] = ()  # the order of its files; none: the entry, what it imports
    exclude: tuple[str, ...] = ()  # globs of modules or files to leave out
    external: tuple[str, ...] = ()  # top-level modules to leave out, though they lie there
    cwd: tuple[str, ...] = ()  # globs of files to lay into the working folder at the start
    paths: tuple[str, ...] = ()  # folders in which packages lie too, as in PYTHONPATH
    vendor: tuple[str, ...] = ()  # installed distributions to take in
    module: str = ""  # the entry's dotted name where it runs as `python -m` does
    limit: int | None = None  # the most bytes of the bundle; None: any number
    pep723: bool = False  # whether a block of dependencies stands at the top
    mounts: tuple[tuple[str, Path], ...] = ()  # folders of the bundle that lie elsewhere on disk
    leave_out: tuple[Path, ...] = ()  # files of this build itself, which are no input
