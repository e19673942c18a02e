"""A graph of modules -> the files that they read: data of packages, and what they name by path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, join, normpath

from lib.base.errors import InputError
from lib.bundler.analysis.findings import FileUse, Mention
from lib.bundler.analysis.graph import Graph, Module, matches_any
from lib.bundler.analysis.locate import Found, Locator
from lib.bundler.analysis.path_texts import MODULE
from lib.bundler.differences import Difference

_MOST_BYTES = 20_000_000  # of a folder or file that is taken because a program names it
_MOST_OF_FOLDER = 2_000_000  # where it is not sure that the program means it
_TEXTS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+(?::[^\W\d]\w*)?")
_FOLDER_TOLD = re.compile(r"^--cwd '(.*)/\*\*/\*'")
_WORD = re.compile(r"[:=\[,\s-][ \t]*[\"']([^\W\d]\w*)[\"'](?=\s*[,\]}\n#]|$)")
_GLOB = re.compile(r"[*?\[]")


_NO_PACKAGE = Found("/", ())


@dataclass
class Files:
    """Files that are no modules, or that no import names."""

    data: dict[str, str] = field(default_factory=dict)  # path -> why it is taken
    python: dict[str, str] = field(default_factory=dict)  # Python files taken by their paths
    cwd: list[str] = field(default_factory=list)  # laid into the working folder
    differences: list[Difference] = field(default_factory=list)


class FileCollector:
    """Decides which of the files that a program names are taken."""

    def __init__(
        self,
        locator: Locator,
        home: str,
        exclude: tuple[str, ...] = (),
        leave_out: Iterable[Path] = (),
    ) -> None:
        """`home` is the working folder when the program runs where it lies, from the root."""
        self._locator = locator
        self._home = home
        self._exclude = exclude
        self._leave_out = {path.resolve() for path in leave_out}
        self._files = Files()

    def collect(self, graph: Graph, cwd: Iterable[str]) -> Files:
        """Take the data of packages, then what the modules name, then the globs of --cwd."""
        self._files = files = Files()
        files.cwd = self._match_cwd(cwd)
        modules = list(graph.modules.values())
        for module in modules:
            if module.path.endswith(("/__init__.py", "/")):
                for path in self._locator.list_data_files(module.path.rpartition("/")[0]):
                    self._take(path, "is a data file")
            elif module.source is None:
                self._take(module.path, "is compiled")
        written = {use.path for one in modules for use in one.findings.files if _writes(use)}
        moved = any(use.kind == "moved" for one in modules for use in one.findings.files)
        bases = {one.name: one.findings.exports for one in modules if one.findings.exports}
        for module in modules:
            self._see_imported_folders(module, bases)
        for module in modules:
            for use in sorted(module.findings.files, key=lambda use: use.kind != "beside"):
                self._see(module, use, written, moved)
        self._drop_finer()
        return files

    def _drop_finer(self) -> None:
        """Where a folder of the working folder is told, its files need no lines of their own."""
        told = self._files.differences
        folders = [name for one in told for name in _FOLDER_TOLD.findall(one.cure)]
        self._files.differences = [
            one
            for one in told
            if _FOLDER_TOLD.match(one.cure)
            or not any(one.cure.replace("'", "").startswith(f"--cwd {name}/") for name in folders)
        ]

    def tell_writes(self, graph: Graph) -> list[Difference]:
        """Tell what an unpacked program writes into a folder that nobody looks into."""
        told = []
        for module in graph.modules.values():
            uses = [use for use in module.findings.files if use.kind in ("write", "moved")]
            for use in {use.kind: use for use in reversed(uses)}.values():
                if use.kind in ("write", "moved"):
                    what = "writes beside __file__, which in the bundle is a temporary folder"
                    if use.kind == "moved":
                        what = "makes the folder of __file__ the working folder, in the bundle a "
                        what += "temporary one: what it writes there is lost"
                    cure = "write to the working folder: Path.cwd() / NAME"
                    told.append(Difference(module.path, use.line, what, cure))
        return told

    def list_mentions(self, paths: Iterable[str]) -> list[Mention]:
        """Texts of data files that may name modules, such as `_target_: nets.Generator`."""
        found = []
        for path in paths:
            file = self._locator.real(path)
            if path.endswith(_TEXTS) and file.stat().st_size < _MOST_BYTES:
                text = file.read_text(encoding="utf-8", errors="replace")
                found += [Mention(name, 0) for name in sorted(set(_DOTTED.findall(text)))]
                words = sorted(set(_WORD.findall(text)))
                found += [Mention(name, 0, alone=True) for name in words]
        return found

    def _match_cwd(self, patterns: Iterable[str]) -> list[str]:
        found: set[str] = set()
        for pattern in patterns:
            matched = self._match(join(self._home, normpath(pattern)))
            if not matched:
                cure = "write a path or a glob from the entry's folder"
                raise InputError("bundle", f"--cwd {pattern} matches nothing; cure: {cure}")
            found |= set(matched)
        return sorted(path for path in found if not self._is_left_out(path))

    def _match(self, pattern: str) -> list[str]:
        """A path or glob from the root -> files; of a folder all that is in it."""
        if _GLOB.search(pattern):
            return self._locator.match_files(pattern)
        if self._locator.real(pattern).is_dir():
            return self._locator.match_files("**/*", pattern)
        return [pattern] if self._locator.real(pattern).is_file() else []

    def _take(self, path: str, why: str) -> None:
        if not self._is_left_out(path):
            where = self._files.python if path.endswith(".py") else self._files.data
            where.setdefault(path, why)

    def _is_left_out(self, path: str) -> bool:
        is_own = self._locator.real(path).resolve() in self._leave_out
        return is_own or matches_any(self._exclude, path, path)

    def _see(self, module: Module, use: FileUse, written: set[str], moved: bool) -> None:
        if use.kind == "anchored":
            self._see_anchored(module, use)
        elif use.kind == "resource":
            if (self._locator.find(use.path.replace("/", ".")) or _NO_PACKAGE).path.endswith("/"):
                self._take_all(module, use, self._match(use.path), is_sure=True)
        elif use.kind == "beside" and not module.path.endswith("/__init__.py"):
            if not use.path.startswith("..") and use.path not in (".", dirname(module.path)):
                most = _MOST_BYTES if self._locator.real(use.path).is_file() else _MOST_OF_FOLDER
                self._take_all(module, use, self._match(use.path), is_sure=False, most=most)
        elif use.kind in ("opened", "literal") and use.path not in written:
            path = normpath(join(self._home, use.path))
            if moved:
                self._take_all(module, use, self._match(path), is_sure=False)
            else:
                self._see_literal(module, use, path)

    def _place(self, path: str) -> str | None:
        """A path that may begin with a module's name -> the same from the root."""
        if not path.startswith(MODULE):
            return path
        name, _, rest = path.removeprefix(MODULE).partition("/")
        found = self._locator.find(name)
        if found is None:
            return None
        folder = found.folders[0] if found.folders else dirname(found.path)
        return normpath(join(folder, rest))

    def _see_imported_folders(self, module: Module, bases: dict[str, dict[str, str]]) -> None:
        """Texts that may be joined to a folder that another module computed from its __file__."""
        folders = {
            path
            for item in module.findings.imports
            for name in (item.module, *(f"{item.module}.{one}" for one in item.names))
            for exported, path in bases.get(name, {}).items()
            if not item.names or exported in item.names or name != item.module
        }
        for folder in sorted(folders):
            for use in module.findings.files:
                path = normpath(join(folder, use.path))
                is_name = use.kind in ("literal", "opened", "joined") and not _GLOB.match(use.path)
                if is_name and path not in (".", folder):
                    is_file = not path.startswith("..") and self._locator.real(path).is_file()
                    most = _MOST_BYTES if is_file else _MOST_OF_FOLDER
                    paths = [] if path.startswith("..") else self._match(path)
                    self._take_all(module, use, paths, is_sure=False, most=most)

    def _see_anchored(self, module: Module, use: FileUse) -> None:
        path = self._place(use.path)
        if path is None:
            return
        own = dirname(module.path)
        is_above = path in ("", ".", own) or own.startswith(f"{path}/")
        if path.startswith(".."):
            start = path[: found.start()] if (found := _GLOB.search(path)) else path
            there = self._locator.real(start if start == path else dirname(start))
            if there.is_file() or (start != path and start.strip("./") and there.is_dir()):
                what = f"names {path}, which lies outside the folder of what is bundled"
                cure = "bundle from the folder above, or put it beside the entry"
                self._files.differences.append(Difference(module.path, use.line, what, cure))
            return
        if not is_above:
            self._take_all(module, use, self._match(path), is_sure=True)

    def _take_all(
        self,
        module: Module,
        use: FileUse,
        paths: list[str],
        is_sure: bool,
        most: int = _MOST_BYTES,
    ) -> None:
        paths = [one for one in paths if one != module.path and not self._is_left_out(one)]
        size = sum(self._locator.real(one).stat().st_size for one in paths)
        if size > most:
            what = f"names {use.path} with {size:,} bytes, which are not taken"
            cure = f"attach it as a data set, or add --include '{use.path}*'"
            if is_sure:
                self._files.differences.append(Difference(module.path, use.line, what, cure))
            return
        for path in paths:
            self._take(path, f"is named by {module.path}, line {use.line}")

    def _holds(self, path: str) -> bool:
        return path in self._files.data or path in self._files.python

    def _see_literal(self, module: Module, use: FileUse, path: str) -> None:
        """A text that names a file of the working folder: it is not there for the bundle."""
        has_form = "." in use.path[1:] or "/" in use.path
        if not (has_form or use.kind == "opened"):
            return
        if use.path.startswith(".."):
            self._tell_outside(module, use, path)
            return
        if use.kind == "literal" and (_GLOB.search(path) or self._locator.real(path).is_dir()):
            return
        if path == (self._home or "."):
            path = join(self._home, "*")
        found = [one for one in self._match(path) if one not in self._files.cwd]
        if path.endswith("*"):
            found = [one for one in found if not one.endswith(".py")]
        if use.kind == "literal" and found and self._holds(found[0]):
            return  # it was joined to the folder of __file__, as far as can be seen
        if not found or self._is_left_out(found[0]) or module.path in found:
            return
        is_folder = self._locator.real(path).is_dir()
        glob = f"'{use.path}/**/*'" if is_folder else use.path
        glob = f"'{glob}'" if _GLOB.search(glob) and not is_folder else glob
        what = f"names {use.path} in the working folder, which the bundle does not hold"
        told = Difference(module.path, use.line, what, f"--cwd {glob} lays it there at the start")
        known = {one.what for one in self._files.differences}
        if what not in known:
            self._files.differences.append(told)

    def _tell_outside(self, module: Module, use: FileUse, path: str) -> None:
        """A text that names a file above the working folder."""
        if self._locator.real(path).is_file():
            what = f"names {use.path}, seen from the working folder, where the bundle lays nothing"
            cure = "put it below the entry's folder and lay it there with --cwd"
            self._files.differences.append(Difference(module.path, use.line, what, cure))


def _writes(use: FileUse) -> bool:
    return use.kind == "written"


def list_ups(findings_files: Iterable[FileUse], locator: Locator) -> int:
    """What the entry names -> how many folders above its own the highest of it lies."""
    ups = 0
    for use in findings_files:
        path = normpath(use.path)
        if use.kind.startswith(("anchored", "search")) and path.startswith(".."):
            exists = _GLOB.search(path) or locator.real(path).exists()
            ups = max(ups, path.split("/").count("..") if exists else 0)
    return ups
