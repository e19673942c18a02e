"""A dotted name -> the file that Python would import, among the folders where packages lie."""

import fnmatch
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from posixpath import join

from lib.bundler.installed.distributions import is_test, name_module
from lib.bundler.sources import show_path

# The interpreter loads these before it runs a script: no file beside it can take their place.
_ALWAYS_THERE = frozenset(sys.builtin_module_names) | {
    *("abc", "codecs", "encodings", "genericpath", "importlib", "io", "ntpath", "os", "posixpath"),
    *("__main__", "runpy", "site", "stat", "zipimport", "_collections_abc", "_sitebuiltins"),
}
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Found:
    """A module: its file, and where its submodules are looked for."""

    path: str  # from the root; that of a namespace package ends in "/"
    folders: tuple[str, ...]  # empty: it is no package
    others: tuple[str, ...] = ()  # files of that name in folders behind


class Locator:
    """Finds modules as `python ENTRY.py` would, with PYTHONPATH and changes of sys.path."""

    def __init__(
        self,
        root: Path,
        search: Iterable[str] = ("",),
        late: Iterable[str] = (),
        mounts: Mapping[str, Path] | None = None,
        overlay: Mapping[str, Path] | None = None,
    ) -> None:
        """`search` and `late` hold folders from the root, `late` those behind installed packages.

        `mounts` tells where a folder of the bundle lies that is not below the root, `overlay`
        where single files and folders do.
        """
        self.root = root
        self.search = list(search)
        self.exported = list(search)  # to these the program adds the others itself, as it runs
        self.late = list(late)
        self.mounts = dict(mounts or {})
        self.overlay = dict(overlay or {})
        self.read_extends: Callable[[str], list[str]] = lambda path: []
        self._installed: dict[str, Path | None] = {}
        self._found: dict[str, Found | None] = {}

    def real(self, path: str) -> Path:
        """A path from the root -> where the file lies."""
        if path in self.overlay:
            return self.overlay[path]
        for prefix, folder in self.mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return folder / path[len(prefix) + 1 :]
        return self.root / path

    def find_file(self, name: str) -> str | None:
        """A dotted name -> its path from the root; that of a namespace package ends in "/"."""
        found = self.find(name)
        return found.path if found else None

    def find(self, name: str) -> Found | None:
        """A dotted name -> what Python would import, or None."""
        if name not in self._found:
            self._found[name] = None  # while it is looked for
            self._found[name] = self._look_for(name)
        return self._found[name]

    def forget(self) -> None:
        """Look for everything anew, after a folder was added."""
        self._found.clear()

    def _look_for(self, name: str) -> Found | None:
        parent, _, last = name.rpartition(".")
        if (
            not last
            or name.endswith(".py")
            or "/" in name
            or (not parent and name in _ALWAYS_THERE)
        ):
            return None
        if not parent:
            found = self._look_in(self.search, last, name)
            behind = not found and self.late and not self.is_installed(name)
            return self._look_in(self.late, last, name) if behind else found
        above = self.find(parent)
        return self._look_in(above.folders, last, name) if above else None

    def _look_in(self, folders: Iterable[str], last: str, name: str) -> Found | None:
        files: list[str] = []
        spaces: list[str] = []
        for folder in folders:
            base = join(folder, last)
            ends = ("/__init__.py", *EXTENSION_SUFFIXES, ".py")
            path = next((base + end for end in ends if self.real(base + end).is_file()), "")
            if path:
                files.append(path)
            elif not files and _holds_modules(self.real(base)):
                spaces.append(base)
        if files:
            inner = files[0].removesuffix("/__init__.py") if files[0].endswith("t__.py") else ""
            more = self.read_extends(files[0]) if inner else []
            if "*" in more:  # a part in each folder, as pkgutil.extend_path makes it
                everywhere = folders if "." in name else (*self.search, *self.late)
                parts = [join(folder, last) for folder in everywhere]
                more = [one for one in parts if one != inner and self.real(one).is_dir()]
            return Found(files[0], tuple([inner, *more] if inner else []), tuple(files[1:]))
        is_elsewhere = "." not in name and not self.overlay.keys() & set(spaces)
        if not spaces or (is_elsewhere and self.is_installed(name)):
            return None
        return Found(f"{spaces[0]}/", tuple(spaces))

    def is_installed(self, top: str) -> bool:
        """Tell whether Python finds a top-level name elsewhere than beside the entry."""
        if top in sys.stdlib_module_names or top in _ALWAYS_THERE:
            return True
        return self._find_installed(top) is not None

    def find_source_folder(self, top: str) -> Path | None:
        """A top-level name -> the folder of its sources, where it is no installed copy of them."""
        origin = None if top in sys.stdlib_module_names else self._find_installed(top)
        if origin is None or any(part in _INSTALLED for part in origin.parts):
            return None
        prefixes = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
        return None if prefixes & set(origin.parents) else origin.parent

    def _find_installed(self, top: str) -> Path | None:
        """A top-level name -> its package's folder or its file, elsewhere than beside the entry."""
        if top not in self._installed:
            own = {self.real(folder).resolve() for folder in (*self.search, *self.late)}
            own |= {self.root.resolve(), Path.cwd().resolve(), Path(__file__).resolve().parents[3]}
            paths = [path for path in sys.path if Path(path or ".").resolve() not in own]
            spec = PathFinder.find_spec(top, paths)
            if spec is None:
                spec = _ask_other_finders(top, own)
            self._installed[top] = None if spec is None else _place_of(spec)
        return self._installed[top]

    def list_tops(self) -> list[str]:
        """List the top-level modules and packages that lie in the folders looked in, sorted."""
        tops = set()
        for folder in (*self.search, *self.late):
            for path in self.real(folder).iterdir() if self.real(folder).is_dir() else ():
                if path.suffix == ".py" or (path.is_dir() and _holds_modules(path)):
                    tops.add(path.stem)
        return sorted(top for top in tops if top.isidentifier())

    def match_modules(self, pattern: str) -> list[str]:
        """List the modules whose dotted names match a glob, sorted."""
        fixed = pattern.split("*")[0].split("?")[0].split("[")[0].split(".")[:-1]
        names: list[str] = []
        for folder in (*self.search, *self.late):
            top = self.real(folder)
            listed = _list_modules(top, top.joinpath(*fixed))
            names += [name for name in listed if fnmatch.fnmatchcase(name, pattern)]
        laid = [name_module(path.partition("/")[2]) for path in self.overlay]
        names += [name for name in laid if name and fnmatch.fnmatchcase(name, pattern)]
        if "." not in pattern and self.find(pattern):
            names.append(pattern)
        return sorted({name for name in names if self.find(name)})

    def list_package(self, name: str) -> list[str]:
        """A package -> the names of all modules below it and its own, sorted."""
        found = self.find(name)
        names = [name] if found else []
        for folder in found.folders if found else ():
            below = _list_modules(self.real(folder), self.real(folder))
            names += [f"{name}.{one}" for one in below if one != "__init__"]
        named = {one.removesuffix(".__init__") for one in names if self.find(one)}
        return sorted(one for one in named if not self._is_test(one))

    def list_family(self, pattern: str) -> list[str]:
        """A glob such as "models.*" or "plugin_*" -> the modules whose names match, sorted."""
        package, _, rest = pattern.partition("*")[0].rpartition(".")
        if package:
            names = self.list_package(package)
            whole = [package] if rest or names else []
            return sorted({*whole, *(one for one in names if fnmatch.fnmatchcase(one, pattern))})
        return [one for one in self.list_tops() if rest and fnmatch.fnmatchcase(one, pattern)]

    def _is_test(self, name: str) -> bool:
        """Tell whether a module is a test of a distribution that is taken in."""
        path = self.find_file(name) or ""
        return path in self.overlay and is_test(path)

    def match_files(self, pattern: str, folder: str = "") -> list[str]:
        """List the files whose paths from a folder match a glob, sorted, as paths from the root."""
        start = self.real(folder)
        try:
            found = [path for path in start.glob(pattern) if path.is_file()]
        except (ValueError, NotImplementedError):  # no pattern that a path can match
            return []
        inner = [path.relative_to(start).as_posix() for path in found if not _is_hidden(path)]
        return sorted(p for path in inner if self.real(p := join(folder, path)).is_file())

    def match_folders(self, pattern: str) -> list[str]:
        """A path from the root, or a glob -> the folders there, none of them above the root."""
        if pattern.startswith(("..", "/")):
            return []
        if "*" not in pattern:
            return [pattern] if self.real(pattern).is_dir() else []
        found = sorted(path for path in self.root.glob(pattern) if path.is_dir())
        kept = [path for path in found if not _is_hidden(path)]
        return [path.relative_to(self.root).as_posix() for path in kept]

    def show(self, path: str) -> str:
        """A path from the root -> the path that a user would type."""
        return show_path(self.real(path))

    def list_data_files(self, package: str) -> list[str]:
        """List the files in a package's folder that are not modules, sorted.

        Left out are subfolders with modules, which are packages of their own, and typing stubs,
        which no program reads.
        """
        found = []
        start = self.real(package)
        for folder, below, files in os.walk(start):
            here = Path(folder)
            below[:] = sorted(name for name in below if _is_data_folder(here / name))
            for name in sorted(files):
                useless = name.startswith(".") or name == "py.typed" or name.endswith("~")
                path = join(package, (here / name).relative_to(start).as_posix())
                useless = useless or not self.real(path).is_file()
                if not useless and Path(name).suffix not in (".py", ".pyc", ".pyo", ".pyi"):
                    found.append(path)
        return [path for path in found if not path.endswith(tuple(EXTENSION_SUFFIXES))]


def _ask_other_finders(top: str, own: set[Path]) -> "importlib.machinery.ModuleSpec | None":
    """What editable installs put on sys.meta_path finds packages too."""
    try:
        spec = importlib.util.find_spec(top) if top not in sys.modules else None
    except (ImportError, ValueError):
        return None
    place = _place_of(spec) if spec else None
    return spec if place and not own & {place.resolve().parent} else None


def _place_of(spec: "importlib.machinery.ModuleSpec") -> Path:
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin or "built-in")


def _is_data_folder(folder: Path) -> bool:
    ignored = folder.name.startswith(".") or folder.name == "__pycache__"
    return not ignored and not any(folder.glob("*.py"))


def _is_hidden(path: Path) -> bool:
    return (
        path.name.startswith(".") or path.suffix in (".pyc", ".pyo") or "__pycache__" in path.parts
    )


def _holds_modules(folder: Path) -> bool:
    """Tell whether a folder without __init__.py is a namespace package that holds modules."""
    return folder.is_dir() and any(p.suffix == ".py" or p.is_dir() for p in folder.iterdir())


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
            stem = next(
                (name[: -len(end)] for end in (".py", *EXTENSION_SUFFIXES) if name.endswith(end)),
                "",
            )
            if stem.isidentifier():
                dotted = "/".join((*here.relative_to(root).parts, stem))
                names.append(dotted.removesuffix("/__init__").replace("/", "."))
    return names
