"""The trees runs/ and build/ -> folders that may hold a run's output, and what cannot be read.

Links are never followed, so nothing outside these trees is read.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lib.base.run_files import METRICS, REPORT
from lib.commands.all_runs.row import show_path

TREES = ("runs", "build")
_DEEPEST = 8
_MOST_FOLDERS = 20_000
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"


def find_folders(root: Path, notes: list[str]) -> Iterator[Path]:
    """Yield each folder that holds metrics.json or report.html; add a line on what is left out."""
    waiting = [(root / name, 0) for name in reversed(TREES)]
    seen = 0
    while waiting:
        folder, depth = waiting.pop()
        if (names := _list_folder(folder, root, notes)) is None:
            continue
        seen += 1
        if seen > _MOST_FOLDERS or depth > _DEEPEST:
            notes.append(f"{_name(folder, root)}: too many or too deep folders, left out")
            if seen > _MOST_FOLDERS:
                return
            continue
        files, folders = names
        if _VIRTUAL_ENVIRONMENT in files:
            continue
        if METRICS in files or REPORT in files:
            yield folder
        waiting += [(folder / name, depth + 1) for name in sorted(folders, reverse=True)]


def _list_folder(folder: Path, root: Path, notes: list[str]) -> tuple[set[str], list[str]] | None:
    """A folder -> names of the files in it, and of folders to look into; None: it is no such."""
    try:
        mode = os.lstat(folder).st_mode
        if stat.S_ISLNK(mode):
            notes.append(f"{_name(folder, root)}: a link, which is not followed")
            return None
        if not stat.S_ISDIR(mode):
            return None
        with os.scandir(folder) as entries:
            found = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
            links = [name for name, _ in found if (folder / name).is_symlink()]
    except FileNotFoundError:
        return None
    except OSError as error:
        notes.append(f"{_name(folder, root)}: {error.strerror}, left out")
        return None
    for name in links:
        if name in (METRICS, REPORT) or (folder / name).is_dir():
            notes.append(f"{_name(folder / name, root)}: a link, which is not followed")
    files = {name for name, is_folder in found if not is_folder and name not in links}
    folders = [name for name, is_folder in found if is_folder and not _is_passed_over(name)]
    return files, folders


def _is_passed_over(name: str) -> bool:
    """Tell whether a folder holds a run's intermediate files, or a download under way."""
    return name.startswith(".") or name.endswith(".scratch") or name == "__pycache__"


def _name(path: Path, root: Path) -> str:
    return show_path(path.relative_to(root))
