"""Sources and a bundle -> the share of their lines that stand in it as code, not in strings."""

import ast
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path


def measure_code(sources: Iterable[Path], bundle: Path) -> float:
    """(files, a bundle) -> 0 to 1: their lines, but for indenting, that its code holds."""
    shown = list_code_lines(bundle.read_bytes())
    lines = [line.strip() for file in sources for line in file.read_text("utf-8").splitlines()]
    return sum(line in shown for line in lines if line) / sum(map(bool, lines))


def list_code_lines(raw: bytes) -> set[str]:
    """A script -> its lines without those of long strings, docstrings aside; none of a zip."""
    try:
        text = raw.decode("utf-8")
        docstrings = _find_docstrings(ast.parse(text))
    except (ValueError, SyntaxError):
        return set()
    lines = text.split("\n")
    shown: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last = token.start[0], token.end[0]
        if token.type != tokenize.STRING or first == last or first in docstrings:
            shown.update(line.strip() for line in lines[first - 1 : last])
    return shown


def _find_docstrings(tree: ast.Module) -> set[int]:
    """Lines of strings that open a function, a class or an `if`, as a module does in a bundle."""
    holders = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If
    firsts = (node.body[0] for node in ast.walk(tree) if isinstance(node, holders))
    return {one.lineno for one in firsts if isinstance(one, ast.Expr)}
