"""The condition of an `if` -> how surely each of its two branches runs."""

import ast
import re
from collections.abc import Callable

from lib.bundler.analysis.names import When, dotted_name, last_name

_OLDEST = (3, 11)  # the versions of Python that bundles are made for
_NEWEST = (3, 13)
_ORDERS: dict[type[ast.cmpop], Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_PLATFORM = re.compile(r"(sys\.platform|os\.name|platform\.system|platform)")
_OTHERS = ("win", "darwin", "cygwin", "nt", "java", "mac", "wasi", "emscripten", "ios", "android")


def judge_condition(test: ast.expr, is_entry: bool, typing: frozenset[str]) -> tuple[When, When]:
    """(a condition, whether it is the entry's, names that only type checkers hold true).

    Where it is known, the other branch is "optional": what it imports may be missing.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        body, other = judge_condition(test.operand, is_entry, typing)
        return other, body
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        found = [judge_condition(one, is_entry, typing)[0] for one in test.values]
        return next((one for one in ("typing", "optional") if one in found), "maybe"), "maybe"
    if last_name(test) in typing:
        return "typing", "load"
    if isinstance(test, ast.Constant):
        return ("load", "typing") if test.value else ("typing", "load")
    sides = [test.left, *test.comparators] if isinstance(test, ast.Compare) else []
    if any(last_name(side) == "__name__" for side in sides):
        return ("load", "maybe") if is_entry else ("optional", "maybe")
    verdict = _judge(test)
    if verdict is None:
        return "maybe", "maybe"
    return ("maybe", "optional") if verdict else ("optional", "maybe")


def _judge(test: ast.expr) -> bool | None:
    """Whether a condition of versions or platforms holds here; None where it may or may not."""
    if isinstance(test, ast.Call) and last_name(test.func) == "startswith" and test.args:
        owner = test.func.value if isinstance(test.func, ast.Attribute) else None
        return _judge_platform(owner, test.args[0], is_equal=True)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, right, operator = test.left, test.comparators[0], test.ops[0]
    if isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        is_equal = isinstance(operator, ast.Eq | ast.In)
        found = _judge_platform(left, right, is_equal)
        if found is not None:
            return found
    if "version_info" not in ast.dump(left) or type(operator) not in _ORDERS:
        return None
    wanted = _read_version(right)
    if not wanted:
        return None
    order = _ORDERS[type(operator)]
    is_major = isinstance(left, ast.Attribute | ast.Subscript) and isinstance(right, ast.Constant)
    answers = {
        order((3,) if is_major else (3, minor, 99), wanted)
        for minor in range(_OLDEST[1], _NEWEST[1] + 1)
    }
    return answers.pop() if len(answers) == 1 else None


def _read_version(node: ast.expr) -> tuple[int, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    values = [one.value for one in items if isinstance(one, ast.Constant)]
    return tuple(one for one in values if isinstance(one, int))


def _judge_platform(owner: ast.expr | None, names: ast.expr, is_equal: bool) -> bool | None:
    called = owner.func if isinstance(owner, ast.Call) else owner
    if not _PLATFORM.fullmatch(dotted_name(called)):
        return None
    items = names.elts if isinstance(names, ast.Tuple | ast.List | ast.Set) else [names]
    texts = [str(one.value).lower() for one in items if isinstance(one, ast.Constant)]
    if not texts or len(texts) < len(items):
        return None
    if all(one.startswith(_OTHERS) for one in texts):
        return not is_equal
    return is_equal if any(one.startswith(("linux", "posix")) for one in texts) else None


def list_typing_names(tree: ast.Module) -> frozenset[str]:
    """A module -> the names that are true for type checkers alone."""
    names = {"TYPE_CHECKING", "MYPY"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {
                one.asname for one in node.names if one.asname and one.name == "TYPE_CHECKING"
            }
    return frozenset(names)
