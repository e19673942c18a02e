"""A module's syntax tree -> the files and folders that it names, and why it needs files on disk."""

import ast
import posixpath
import re
from collections.abc import Callable

from lib.bundler.analysis.evaluate_paths import Evaluator
from lib.bundler.analysis.file_calls import is_read, is_write, walk_written
from lib.bundler.analysis.find_folders import FolderFinder
from lib.bundler.analysis.findings import FileUse, Findings, Mention
from lib.bundler.analysis.names import When, dotted_name, last_name
from lib.bundler.analysis.path_texts import HOLE, Text

_READERS = {"importlib_resources", "importlib_metadata", "pkg_resources", "compileall"}
_READERS |= {"importlib.resources", "importlib.metadata", "py_compile", "modulefinder"}
# What starts processes that do not run the main script again: these find modules on disk alone.
_STARTERS = {"joblib", "loky", "ray", "dask", "distributed", "pathos", "multiprocess", "billiard"}
_STARTERS |= {"pebble", "mpire", "parsl", "ipyparallel", "submitit", "accelerate", "deepspeed"}
_STARTERS |= {"pexpect", "sh", "plumbum", "invoke", "fabric", "celery", "dramatiq", "rq"}
_STARTERS |= {"gunicorn", "uvicorn", "pyspark", "subprocess", "xdist", "executorlib", "pty"}
_STARTERS |= {"torch.distributed.run", "torch.distributed.launcher", "torch.distributed.elastic"}
_CHILDREN = {"system", "popen", "posix_spawn", "posix_spawnp", "create_subprocess_exec"}
_CHILDREN |= {"create_subprocess_shell", "startfile"}
_RESOURCES = {"files", "read_text", "read_binary", "open_text", "open_binary", "path", "get_data"}
_RESOURCES |= {"contents", "is_resource", "PackageLoader"}
_NEEDS = {"__path__", "submodule_search_locations", "get_filename", "co_filename", "__cached__"}
_NEEDS |= {"getfile", "getsourcefile", "getabsfile"}
_LISTS = {"listdir", "scandir", "iterdir"}
_GLOBS = {"glob": "", "rglob": "**/", "iglob": ""}
_RUNNERS = {"system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput"}
_STATEMENTS = {ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign, ast.Dict}
_PARTS = {ast.Call, ast.BinOp, ast.Attribute, ast.Subscript, ast.JoinedStr}
_FILE = re.compile(r"[\w.*?][\w ./*?\[\]@+-]*")
_WINDOWS = re.compile(r"[\w.-]+(\\[\w.-]+)+")
_SCRIPT = re.compile(r"(?:^|\s)([\w./-]+\.py)(?=\s|$)")


class FileFinder:
    """Sees every node of one module in source order and keeps what it says of files."""

    def __init__(
        self,
        findings: Findings,
        evaluator: Evaluator | None,
        make_evaluator: Callable[[], Evaluator],
        is_entry: bool,
        path: str,
        is_anchored: bool,
    ) -> None:
        """`make_evaluator` is called where one is needed after all.

        Where no path can be computed from __file__ or the like (`is_anchored`), none is looked for.
        """
        self._findings = findings
        self._evaluator = evaluator
        self._is_anchored = is_anchored
        self._make_evaluator = make_evaluator
        self._is_entry = is_entry
        self._path = path
        self._folders = FolderFinder(findings, evaluator)
        self._used: set[int] = set()  # ids of nodes that are part of what was kept
        self._opened: set[int] = set()  # ids of texts that name a file or folder for sure
        self._uses_file = False

    def see(self, node: ast.AST, when: When) -> None:
        """Take notice of a node, whose parents were seen before."""
        kind = type(node)
        if kind is ast.Name:
            self._see_name(node)  # type: ignore[arg-type]
        elif kind is ast.Constant:
            self._see_text(node)  # type: ignore[arg-type]
        elif kind in _STATEMENTS:
            self._see_statement(node, when)
        elif kind in _PARTS:
            if isinstance(node, ast.Call):
                self._see_call(node)
            elif isinstance(node, ast.Attribute):
                self._see_attribute(node)
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                self._see_division(node)
            if self._is_anchored:
                self._see_path(node)  # type: ignore[arg-type]

    def _see_statement(self, node: ast.AST, when: When) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._see_import(alias.name, (), node.lineno, when)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            self._see_import(node.module or "", names if not node.level else (), node.lineno, when)
        else:
            self._used |= self._folders.see(node)

    def finish(self) -> None:
        """Drop texts that can be joined to no path, once the whole module was seen."""
        if self._evaluator is not None and self._uses_file:
            self._findings.exports = self._evaluator.list_anchored()
        if not self._uses_file:
            kept = [use for use in self._findings.files if use.kind != "beside"]
            self._findings.files[:] = kept

    def _need(self, line: int, reason: str) -> None:
        self._findings.file_needs.append(f"line {line} {reason}")

    def _keep(self, path: str, node: ast.expr, kind: str) -> None:
        self._findings.files.append(FileUse(path, node.lineno, kind, False, node.col_offset))

    def _see_import(self, module: str, names: tuple[str, ...], line: int, when: When) -> None:
        if when == "typing":
            return
        found = {module, module.partition(".")[0], *(f"{module}.{name}" for name in names)}
        if found & _READERS:
            self._need(line, f"uses {module}")
        elif found & _STARTERS:
            self._need(line, "starts child processes")
        elif "inspect" in found and set(names) & _NEEDS:
            self._need(line, "asks for a module's file")

    def _see_name(self, node: ast.Name) -> None:
        if node.id == "__file__":
            self._uses_file = True
        if node.id in ("__file__", "__path__") and not self._is_entry:
            self._need(node.lineno, f"uses {node.id}")

    def _see_attribute(self, node: ast.Attribute) -> None:
        if node.attr == "__file__" or node.attr in _NEEDS:
            self._need(node.lineno, f"uses {node.attr}")
        elif node.attr == "origin" and _is_spec(node.value):
            self._need(node.lineno, "uses a module's origin")
        on_os = isinstance(node.value, ast.Name) and node.value.id in ("os", "asyncio")
        if on_os and (node.attr in _CHILDREN or node.attr.startswith(("exec", "spawn"))):
            self._need(node.lineno, "starts child processes")

    def _see_call(self, node: ast.Call) -> None:
        name = last_name(node.func)
        if name in ("iter_modules", "walk_packages") and node.args:
            self._need(node.lineno, "lists a package's modules")
            self._see_list_of_folders(node.args[0])
        elif name in _RESOURCES and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self._findings.mentions.append(Mention(first.value, first.lineno, alone=True))
                self._keep(first.value.replace(".", "/"), first, "resource")
        for keyword in node.keywords:
            is_one = isinstance(keyword.value, ast.Constant) and keyword.value.value in (None, 1)
            if keyword.arg == "n_jobs" and not is_one:
                self._need(node.lineno, "starts child processes")
        self._used |= self._folders.see_call(node, name)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if is_write(node):
            self._see_write(node)
        elif name == "chdir" and self._evaluator and self._is_moved(node):
            self._keep("", node, "moved")
        elif name in _RUNNERS:
            for arg in node.args[:1]:
                for one in arg.values if isinstance(arg, ast.JoinedStr) else [arg]:
                    text = one.value if isinstance(one, ast.Constant) else ""
                    for script in _SCRIPT.findall(text) if isinstance(text, str) else ():
                        self._keep(posixpath.normpath(script), one, "literal")
        elif is_read(name) and name not in _RESOURCES:
            parts = [*node.args, *([owner] if owner is not None else [])]
            if name in _GLOBS and owner is not None and dotted_name(owner) != "glob":
                parts = [owner]  # the pattern is of that folder, which need not be the working one
            parts += [one.value for one in node.keywords]
            self._opened |= {id(one) for one in parts if isinstance(one, ast.Constant)}
            for part in parts:
                if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Call):
                    self._see_relative(part, "opened")
        elif name == "join":
            self._see_relative(node, "literal")

    def _is_moved(self, node: ast.Call) -> bool:
        assert self._evaluator is not None, "seen before"
        return any(self._evaluator.may_be_anchored(one) for one in node.args)

    def _see_division(self, node: ast.BinOp) -> None:
        """`Path("data") / "a.txt"`."""
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, str):
            self._see_relative(node, "literal")

    def _see_relative(self, node: ast.expr, kind: str) -> None:
        """Keep a path that is put together, seen from the working folder."""
        evaluator = self._make_evaluator()
        for one in evaluator.evaluate_all(node) if id(node) not in self._used else ():
            is_whole = one.is_known or (kind == "opened" and one.text[0] != HOLE)
            if one.anchored or not is_whole or not re.search(r"[/.]", one.text[:-1]):
                continue
            path = one.text.replace(HOLE, "*")
            if _FILE.fullmatch(path):
                self._use(node)
                self._keep(posixpath.normpath(path), node, kind)

    def _see_list_of_folders(self, node: ast.expr) -> None:
        for item in node.elts if isinstance(node, ast.List | ast.Tuple) else ():
            found = self._evaluate(item)
            if found is not None and found.anchored:
                self._keep(posixpath.join(found.text, "*.py"), item, "anchored")
                self._keep(posixpath.join(found.text, "*/**/*.py"), item, "anchored")

    def _see_write(self, node: ast.Call) -> None:
        """What is written is no input; a folder of the bundle's own is a bad place for it."""
        parts = [*node.args, *(one.value for one in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        nodes = [one for part in parts for one in walk_written(part)]
        for one in nodes:
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                self._keep(one.value, one, "written")
        self._used |= {id(one) for one in nodes}
        paths = [one for one in parts if not isinstance(one, ast.Constant)]
        if self._evaluator and any(self._evaluator.may_be_anchored(one) for one in paths):
            self._keep("", node, "write")

    def _see_path(self, node: ast.expr) -> None:
        """Keep the largest expression that stands for a path computed from __file__."""
        if self._evaluator is None or id(node) in self._used:
            return
        found, pattern = self._evaluator.evaluate_all(node), ""
        if isinstance(node, ast.Call) and not any(one.anchored for one in found):
            found, pattern = self._evaluate_listing(node)
        for one in found:
            path = posixpath.normpath(posixpath.join(one.text, pattern))
            if not one.anchored or self._is_vague(path):
                continue
            self._use(node)
            if posixpath.dirname(path) in ("**", f"{posixpath.dirname(self._path)}/**"):
                path = path.replace("**/", "")  # of its own folder only what lies in it itself
            if path != self._path:
                path = f"{path[:-1]}**/*" if path.endswith(f"/{HOLE}") else path
                self._keep(path.replace(HOLE, "*"), node, "anchored")

    def _is_vague(self, path: str) -> bool:
        """Tell whether a path names no more than something in the module's own folder, or above."""
        start, hole, _ = path.partition(HOLE)
        own = posixpath.dirname(self._path)
        return (bool(hole) and f"{own}/".startswith(start)) or start.endswith("../")

    def _evaluate_listing(self, node: ast.Call) -> tuple[list[Text], str]:
        """`path.glob("*.py")`, `os.listdir(path)` -> (the folders, what is taken of them)."""
        assert self._evaluator is not None, "seen before"
        name = last_name(node.func)
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in _LISTS or name in ("walk", "fwalk"):
            folder = node.args[0] if node.args else receiver
            return self._evaluator.evaluate_all(folder), "**/*"
        if name in _GLOBS and node.args and receiver is not None:
            pattern = self._evaluator.evaluate_all(node.args[0])[0]
            return self._evaluator.evaluate_all(receiver), _GLOBS[name] + pattern.text
        return [], ""

    def _evaluate(self, node: ast.AST | None) -> Text | None:
        if self._evaluator is not None:
            return self._evaluator.evaluate(node)
        text = node.value if isinstance(node, ast.Constant) else None
        return Text(text) if isinstance(text, str) else None

    def _use(self, node: ast.AST) -> None:
        self._used |= {id(one) for one in ast.walk(node)}

    def _see_text(self, node: ast.Constant) -> None:
        text = node.value
        if isinstance(text, str) and _WINDOWS.fullmatch(text):
            text = text.replace("\\", "/")
        if not isinstance(text, str) or id(node) in self._used or not 0 < len(text) < 200:
            return
        if _FILE.fullmatch(text.removeprefix("./") or "."):
            kind = "opened" if id(node) in self._opened else "literal"
            self._keep(posixpath.normpath(text), node, kind)
            folder = posixpath.dirname(self._path)
            self._keep(posixpath.normpath(posixpath.join(folder, text)), node, "beside")


def _is_spec(node: ast.expr) -> bool:
    called = last_name(node.func) if isinstance(node, ast.Call) else ""
    return last_name(node) in ("__spec__", "spec") or called == "find_spec"
