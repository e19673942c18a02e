"""A module or package that is not found -> what to say of it, with the cure that is nearest."""

import os
from pathlib import Path

from lib.base.errors import find_nearest
from lib.bundler.analysis.locate import Locator

_UP = 2  # folders above the entry's in which a package is looked for
_LIKE = 0.75  # the least likeness of a mistyped name to the one that was meant


def explain_missing_module(locator: Locator, name: str) -> tuple[str, str]:
    """A submodule that its package lacks -> (the problem, the cure)."""
    package = name.rpartition(".")[0]
    known = [one for one in locator.list_package(package) if one.rpartition(".")[0] == package]
    near = find_nearest(name, known, _LIKE)
    cure = "add the file, correct the name, or import it under try / except ImportError"
    return f"there is no module {name}", f"did you mean {near}? Else {cure}" if near else cure


def explain_missing_package(locator: Locator, top: str) -> tuple[str, str]:
    """A top-level name that is found nowhere -> (the problem, the cure)."""
    problem = f"no package {top} is beside the entry, installed, or known on Kaggle"
    folder = _find_nearby(locator, top)
    if folder is not None:
        return problem, f"it lies in {folder}: add --path {folder}"
    near = find_nearest(top, locator.list_tops(), _LIKE)
    other = "install it, or import it under try / except ImportError"
    return problem, f"did you mean {near}? Else {other}" if near else other


def _find_nearby(locator: Locator, top: str) -> str | None:
    """A top-level name -> the folder beside, above or below the root's that holds it."""
    root = locator.root.resolve()
    for start in [root, *root.parents[:_UP]]:
        if start == Path(start.anchor) or start == Path.home():
            break
        for folder in [start, *sorted(path for path in _list_folders(start))]:
            if (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file():
                return os.path.relpath(folder)
    return None


def _list_folders(start: Path) -> list[Path]:
    try:
        return [path for path in start.iterdir() if path.is_dir() and path.name[:1] not in "._"]
    except OSError:
        return []
