"""A dotted name -> the file below the root that Python would import, or None."""

import fnmatch
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

from lib.bundler.sources import show_path

# The interpreter loads these before it runs a script: no file beside it can take their place.
_ALWAYS_THERE = frozenset(sys.builtin_module_names) | {
    *("abc", "codecs", "encodings", "genericpath", "importlib", "io", "ntpath", "os", "posixpath"),
    *("__main__", "runpy", "site", "stat", "zipimport", "_collections_abc", "_sitebuiltins"),
}


class Locator:
    """Finds modules beside an entry as `python ENTRY.py` would."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._installed: dict[str, bool] = {}
        self._found: dict[str, str | None] = {}

    def find_file(self, name: str) -> str | None:
        """A dotted name -> its path from the root; that of a namespace package ends in "/"."""
        if name not in self._found:
            self._found[name] = self._look_for(name)
        return self._found[name]

    def _look_for(self, name: str) -> str | None:
        if name.partition(".")[0] in _ALWAYS_THERE:
            return None
        base = name.replace(".", "/")
        parent = base.rpartition("/")[0]
        if parent and self.find_file(parent.replace("/", ".")) is None:
            return None
        for path in (f"{base}/__init__.py", *(base + end for end in EXTENSION_SUFFIXES)):
            if (self.root / path).is_file():
                return path
        if (self.root / f"{base}.py").is_file():
            return f"{base}.py"
        folder = self.root / base
        if not folder.is_dir() or not _holds_modules(folder):
            return None
        return None if "." not in name and self.is_installed(name) else f"{base}/"

    def is_installed(self, top: str) -> bool:
        """Tell whether Python finds a top-level name elsewhere than beside the entry."""
        if top in sys.stdlib_module_names or top in _ALWAYS_THERE:
            return True
        if top not in self._installed:
            own = {self.root.resolve(), Path.cwd().resolve()}
            paths = [path for path in sys.path if Path(path or ".").resolve() not in own]
            spec = PathFinder.find_spec(top, paths)
            self._installed[top] = spec is not None
        return self._installed[top]

    def match_modules(self, pattern: str) -> list[str]:
        """List the modules below the root whose dotted names match a glob, sorted."""
        fixed = pattern.split("*")[0].split("?")[0].split("[")[0].split(".")[:-1]
        start = self.root.joinpath(*fixed)
        names = [name for name in _list_modules(self.root, start) if _matches(name, pattern)]
        if "." not in pattern and self.find_file(pattern):
            names.append(pattern)
        return sorted(set(names))

    def match_files(self, pattern: str) -> list[str]:
        """List the files whose paths from the root match a glob, sorted."""
        found = [path for path in self.root.glob(pattern) if path.is_file()]
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def show(self, path: str) -> str:
        """A path from the root -> the path that a user would type."""
        return show_path(self.root / path)


def list_data_files(root: Path, package: str) -> list[str]:
    """List the files in a package's folder that are not modules, sorted.

    Left out are subfolders with modules, which are packages of their own, and typing stubs, which
    no program reads.
    """
    found = []
    for folder, below, files in os.walk(root / package):
        here = Path(folder)
        below[:] = sorted(name for name in below if _is_data_folder(here / name))
        for name in sorted(files):
            useless = name.startswith(".") or name == "py.typed" or name.endswith("~")
            if not useless and Path(name).suffix not in (".py", ".pyc", ".pyo", ".pyi"):
                found.append((here / name).relative_to(root).as_posix())
    return [path for path in found if not path.endswith(tuple(EXTENSION_SUFFIXES))]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)


def _is_data_folder(folder: Path) -> bool:
    ignored = folder.name.startswith(".") or folder.name == "__pycache__"
    return not ignored and not any(folder.glob("*.py"))


def _holds_modules(folder: Path) -> bool:
    """Tell whether a folder without __init__.py is a namespace package that holds modules."""
    return any(path.suffix == ".py" or path.is_dir() for path in folder.iterdir())


def _list_modules(root: Path, start: Path) -> list[str]:
    names = []
    for folder, below, files in os.walk(start):
        here = Path(folder)
        below[:] = sorted(
            name
            for name in below
            if name.isidentifier() and name != "__pycache__" and not (here / name / "bin").is_dir()
        )
        for name in sorted(files):
            if name.endswith(".py") and name[:-3].isidentifier():
                dotted = (here / name).relative_to(root).with_suffix("").as_posix()
                names.append(dotted.removesuffix("/__init__").replace("/", "."))
    return names
