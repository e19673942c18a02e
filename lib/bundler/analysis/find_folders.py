"""A module's syntax tree -> the folders that it adds to sys.path, PYTHONPATH or its __path__."""

import ast

from lib.bundler.analysis.evaluate_paths import Evaluator
from lib.bundler.analysis.findings import FileUse, Findings
from lib.bundler.analysis.path_texts import HOLE, Text
from lib.bundler.analysis.names import dotted_name

_LISTS = ("sys.path", "__path__")


class FolderFinder:
    """Sees the calls, assignments and tables of one module."""

    def __init__(self, findings: Findings, evaluator: Evaluator | None) -> None:
        self._findings = findings
        self._evaluator = evaluator
        self._used: set[int] = set()

    def see(self, node: ast.AST) -> set[int]:
        """Take notice of a statement or a table -> the ids of nodes that name folders."""
        self._used = set()
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._see_assignment(target, node.value, is_added=False)
        elif isinstance(node, ast.AugAssign):
            self._see_assignment(node.target, node.value, is_added=True)
        elif isinstance(node, ast.Dict):  # env={"PYTHONPATH": folder}
            for key, value in zip(node.keys, node.values, strict=True):
                if _is_python_path(key):
                    self._add(value, "search", late=True)
        return self._used

    def see_call(self, node: ast.Call, name: str) -> set[int]:
        """Take notice of a call of the function `name` -> the ids of nodes that name folders."""
        self._used = set()
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in ("extend_path", "declare_namespace"):
            self._findings.extends.append(FileUse("*", node.lineno, "extend"))
        elif name == "addsitedir" and node.args:
            self._add(node.args[0], "search", late=True)
        elif name in ("insert", "append", "extend") and owner is not None and node.args:
            target = self._resolve(owner)
            if target in _LISTS:
                self._add(node.args[-1], _kind_of(target), late=name != "insert")
        elif name in ("setenv", "putenv", "setdefault", "setitem"):
            if any(_is_python_path(one) for one in node.args[:-1]):
                self._add(node.args[-1], "search", late=True)
        return self._used

    def _see_assignment(self, target: ast.expr, value: ast.expr, is_added: bool) -> None:
        if isinstance(target, ast.Subscript) and _is_python_path(target.slice):
            self._add(value, "search", late=True)
        name = self._resolve(target.value if isinstance(target, ast.Subscript) else target)
        if name in _LISTS:
            first = value
            while isinstance(first, ast.BinOp):
                first = first.left
            self._add(value, _kind_of(name), late=is_added or not isinstance(first, ast.List))

    def _resolve(self, node: ast.expr) -> str:
        return self._evaluator.resolve(node) if self._evaluator else dotted_name(node)

    def _add(self, node: ast.expr, kind: str, late: bool) -> None:
        """Keep the folders that an expression for one, or for a list of them, may stand for."""
        where = self._findings.extends if kind == "extend" else self._findings.search
        for one in self._evaluate(node):
            how = kind if one.anchored else f"{kind} from the working folder"
            for path in one.text.replace(HOLE, "*").split(":"):  # as in PYTHONPATH
                if not path.startswith(("/", "*")):
                    self._used |= {id(part) for part in ast.walk(node)}
                    where.append(FileUse(path, node.lineno, how, late, node.col_offset))

    def _evaluate(self, node: ast.expr) -> list[Text]:
        if self._evaluator is not None:
            return self._evaluator.evaluate_items(node) or self._evaluator.evaluate_all(node)
        items = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
        values = [one.value for one in items if isinstance(one, ast.Constant)]
        return [Text(one) for one in values if isinstance(one, str)]


def _kind_of(name: str) -> str:
    return "extend" if name == "__path__" else "search"


def _is_python_path(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "PYTHONPATH"
