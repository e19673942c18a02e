"""A module's text -> its lines as real code under `if 0:`, or why it cannot stand so."""

import ast
import re
import warnings
from dataclasses import dataclass

OPENING = "if 0:"
CLOSING = "    pass  # no statement above"  # the runtime knows it by these words
_LEAP = re.compile(r"^[ \t]*\f[ \t\f]*[^\s]", re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """A module's lines as code, or a fault for which they must be shown in another form."""

    lines: tuple[str, ...]  # as they stand in the script
    fault: str  # why they must not stand so; empty: they may
    remark: str  # which of them are behind a "#"
    closing: str  # the line below, where there is no statement above


def show_as_code(text: str, tree: ast.Module) -> Shown:
    """(a module's text, its tree) -> Shown.

    It is compiled once, as it will stand in the script. A SyntaxError is one of the module itself
    and names the module's own line.
    """
    hidden = _lines_to_hide(text, tree)
    lines = tuple(
        f"{'#   ' if number in hidden else '    '}{line}" if line else ""
        for number, line in enumerate(text.split("\n")[:-1], 1)
    )
    remark = "; ".join(f"line {number} behind a #: {why}" for number, why in hidden.items())
    closing = "" if _has_statement(lines) else CLOSING
    fault = _find_leap(text) or _find_global(text, tree) or _compile(text, lines, closing)
    return Shown(lines, fault, remark, closing)


def _compile(text: str, lines: tuple[str, ...], closing: str) -> str:
    """(a module's text, its lines as code, the line below) -> what the compiler says of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            shown = "\n".join([OPENING, *lines, closing, ""])
            compile(shown, "bundle", "exec", dont_inherit=True)
        except SyntaxError as error:
            caught.clear()
            compile(text, "bundle", "exec", dont_inherit=True)
            return str(error.msg)
    if caught:  # the module is compiled again when it is imported
        return f"line {caught[0].lineno - 1}: {caught[0].message} (it would be said twice)"
    return ""


def _find_leap(text: str) -> str:
    """A module's text -> the line that would leave `if 0:` and run; empty: there is none."""
    leap = _LEAP.search(text)
    if leap is None:
        return ""
    number = text.count("\n", 0, leap.start()) + 1
    return f"line {number}: a form feed stands before code"  # the tokenizer restarts its column


def _find_global(text: str, tree: ast.Module) -> str:
    """A module -> its first `global` outside of functions and classes; empty: there is none.

    The script's sections share one scope: the statement could forbid a name in another one.
    """
    nodes: list[ast.AST] = [tree] if "global" in text else []
    while nodes:
        for node in ast.iter_child_nodes(nodes.pop()):
            if isinstance(node, ast.Global):
                return f"line {node.lineno}: a global statement of the module itself"
            if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case) and not isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                nodes.append(node)
    return ""


def _lines_to_hide(text: str, tree: ast.Module) -> dict[int, str]:
    """A module -> the lines that are valid only at the start of a file, each with the reason."""
    hidden = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                hidden[number] = "from __future__"
    if "\f" in text:
        for number, line in enumerate(text.split("\n"), 1):
            if "\f" in line and not line.strip():
                hidden[number] = "form feed"
    return hidden


def _has_statement(shown: tuple[str, ...]) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in shown)
