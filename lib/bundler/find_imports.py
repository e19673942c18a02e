"""A module's syntax tree -> the imports in it: what, where, and when they happen."""

import ast
import re
from dataclasses import dataclass, field
from typing import Literal

When = Literal["load", "maybe", "later", "optional", "typing"]
_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_DYNAMIC = {"import_module", "__import__", "run_module", "resolve_name"}
_RESOURCES = {"files", "read_text", "read_binary", "open_text", "open_binary", "path", "get_data"}
_RESOURCES |= {"contents", "is_resource", "PackageLoader"}
_CHILDREN = {"system", "popen", "posix_spawn", "posix_spawnp", "create_subprocess_exec"}
_CHILDREN |= {"create_subprocess_shell", "startfile"}
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FILE_READERS = {"importlib.resources", "importlib_resources", "pkgutil", "pkg_resources"}


@dataclass(frozen=True)
class Import:
    """One import statement, or one call that imports a module by a literal name."""

    module: str  # absolute and dotted
    names: tuple[str, ...]  # of `from module import names`; empty for `import module`
    line: int
    when: When  # load: always; maybe: under an `if`; later: in a function; optional: in a try


@dataclass
class Findings:
    """What one module says about other modules and about files."""

    imports: list[Import] = field(default_factory=list)
    mentions: list[Import] = field(default_factory=list)  # strings that may name modules
    unfollowed: list[int] = field(default_factory=list)  # lines that import a computed name
    file_needs: list[str] = field(default_factory=list)  # reasons why files must lie on disk


def find_imports(tree: ast.Module, package: str, is_entry: bool) -> Findings:
    """(tree, dotted package that relative imports start from) -> Findings, in source order."""
    visitor = _Visitor(package, is_entry)
    visitor.visit(tree)
    return visitor.findings


def resolve_relative(package: str, level: int, module: str | None) -> str | None:
    """(package, dots, name) -> the absolute name; None where the dots lead above the top."""
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base)


class _Visitor(ast.NodeVisitor):
    def __init__(self, package: str, is_entry: bool) -> None:
        self.findings = Findings()
        self._package = package
        self._is_entry = is_entry
        self._when: When = "load"

    def _visit_all(self, nodes: list[ast.stmt], when: When) -> None:
        """Visit statements that run at `when`, or less surely where the outer block does."""
        before = self._when
        ranks: tuple[When, ...] = ("load", "maybe", "later", "optional", "typing")
        self._when = max(before, when, key=ranks.index)
        for node in nodes:
            self.visit(node)
        self._when = before

    def _add(self, module: str | None, names: tuple[str, ...], line: int) -> None:
        if self._when != "typing" or module:
            self.findings.imports.append(Import(module or "", names, line, self._when))
        if module in _FILE_READERS or (module == "importlib" and "resources" in names):
            self._need(f"line {line} uses {module}")
        if module == "subprocess":
            self._need(f"line {line} starts child processes")

    def _need(self, reason: str) -> None:
        self.findings.file_needs.append(reason)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, (), node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module
        if node.level:
            module = resolve_relative(self._package, node.level, node.module)
        self._add(module, tuple(alias.name for alias in node.names), node.lineno)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        caught = any(_catches_import_error(handler) for handler in node.handlers)
        self._visit_all(node.body, "optional" if caught else "load")
        for handler in node.handlers:
            self._visit_all(handler.body, "optional" if _catches_import_error(handler) else "maybe")
        self._visit_all(node.orelse, "optional" if caught else "load")
        self._visit_all(node.finalbody, "load")

    visit_TryStar = visit_Try

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item)
        names = {name.id for item in node.items for name in _names(item.context_expr)}
        quiet = "suppress" in ast.dump(node.items[0].context_expr) and names & _IMPORT_ERRORS
        self._visit_all(node.body, "optional" if quiet else "load")

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        if _is_type_checking(node.test):
            self._visit_all(node.body, "typing")
            self._visit_all(node.orelse, "load")
        elif _is_main_guard(node.test):
            self._visit_all(node.body, "load" if self._is_entry else "later")
            self._visit_all(node.orelse, "maybe")
        else:
            self._visit_all(node.body, "maybe")
            self._visit_all(node.orelse, "maybe")

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outer in (*node.decorator_list, node.args):
            self.visit(outer)
        self._visit_all(node.body, "later")

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Call(self, node: ast.Call) -> None:
        name = _called_name(node.func)
        if name in _DYNAMIC and node.args:
            self._add_call(node, name)
        elif name in _RESOURCES and node.args:
            self._mention(node.args[0], alone=True)
        self.generic_visit(node)

    def _add_call(self, node: ast.Call, name: str) -> None:
        """Keep the module of a call such as import_module(".b", __package__) or __import__("a")."""
        first = node.args[0]
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            self.findings.unfollowed.append(node.lineno)
            return
        target = first.value.partition(":")[0]
        dots = len(target) - len(target.lstrip("."))
        if dots:
            anchor = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "package")]
            package = self._package
            if anchor and isinstance(anchor[0], ast.Constant):
                package = str(anchor[0].value)
            target = resolve_relative(package, dots, target.lstrip(".") or None) or ""
        if name == "run_module":
            self.findings.mentions.append(Import(target, (), node.lineno, "later"))
        elif target:
            when: When = "later" if self._when in ("load", "maybe") else self._when
            self.findings.imports.append(Import(target, (), node.lineno, when))

    def _mention(self, node: ast.expr | None, *, alone: bool) -> None:
        """Keep a string that may name a module; `alone`: even one without a dot."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if _DOTTED.fullmatch(name) or (alone and name.isidentifier()):
                self.findings.mentions.append(Import(name, (), node.lineno, "later"))

    def visit_List(self, node: ast.List | ast.Tuple | ast.Set) -> None:
        """Keep modules in tables of names and in commands: [sys.executable, "-m", "worker"]."""
        before: ast.expr | None = None
        for item in node.elts:
            after_m = isinstance(before, ast.Constant) and before.value == "-m"
            self._mention(item, alone=after_m)
            before = item
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for value in node.values:
            self._mention(value, alone=False)
        self.generic_visit(node)

    visit_Tuple = visit_List
    visit_Set = visit_List

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in ("__file__", "__path__") and not self._is_entry:
            self._need(f"line {node.lineno} uses {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in ("__file__", "__path__"):
            self._need(f"line {node.lineno} uses {node.attr}")
        on_os = isinstance(node.value, ast.Name) and node.value.id in ("os", "asyncio")
        if on_os and (node.attr in _CHILDREN or node.attr.startswith(("exec", "spawn"))):
            self._need(f"line {node.lineno} starts child processes")
        self.generic_visit(node)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(name.id in _IMPORT_ERRORS for name in _names(handler.type))


def _names(node: ast.AST) -> list[ast.Name]:
    return [child for child in ast.walk(node) if isinstance(child, ast.Name)]


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_type_checking(test: ast.expr) -> bool:
    return _called_name(test) == "TYPE_CHECKING"


def _is_main_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and _called_name(test.left) == "__name__"
