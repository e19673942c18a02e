"""A module's syntax tree -> its nodes in source order, each with how surely it runs.

Nothing here is recursive: a sum of a thousand terms is a tree a thousand deep.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from lib.bundler.analysis.judge_conditions import judge_condition, list_typing_names
from lib.bundler.analysis.names import When, last_name

_RANKS: tuple[When, ...] = ("load", "maybe", "later", "optional", "typing")
_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TRIES = (ast.Try, ast.TryStar)
_WITHS = (ast.With, ast.AsyncWith)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_BLOCKS = frozenset((*_FUNCTIONS, *_TRIES, *_WITHS, *_LOOPS, ast.If, ast.match_case))
_NO_CODE = ("ctx", "op")
Pair = tuple[ast.AST, When]
Judge = Callable[[ast.expr], tuple[When, When]]


def walk_tree(tree: ast.Module, is_entry: bool) -> Iterator[Pair]:
    """Yield each node with when it runs.

    load: always; maybe: in a branch; later: in a function; optional: where an ImportError is
    caught; typing: for type checkers alone. Operators and contexts are left out.
    """
    names = _list_error_names(tree)
    judge = partial(judge_condition, is_entry=is_entry, typing=list_typing_names(tree))
    stack: list[Pair] = [(node, "load") for node in reversed(tree.body)]
    while stack:
        node, when = pair = stack.pop()
        yield pair
        kind = type(node)
        if kind is ast.Name or kind is ast.Constant:
            continue
        if kind not in _BLOCKS:
            stack += [(child, when) for child in reversed(_list_parts(node))]
            continue
        for child, inner in reversed(_list_children(node, judge, names)):
            surest = when if _RANKS.index(when) > _RANKS.index(inner) else inner
            stack.append((child, surest))


def _list_parts(node: ast.AST) -> list[ast.AST]:
    """A node -> its children; as ast.iter_child_nodes does it, three times as fast."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST) and name not in _NO_CODE:
            found.append(value)
    return found


def _list_children(node: ast.AST, judge: Judge, names: frozenset[str]) -> list[Pair]:
    """(a node, what judges conditions, names of import errors) -> children, when each runs."""
    if isinstance(node, _FUNCTIONS):
        outer = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
        return [*_all(outer, "load"), *_all(node.body, "later")]
    if isinstance(node, ast.If):
        return [(node.test, "load"), *_list_branches(node, judge(node.test))]
    if isinstance(node, _TRIES):
        return _list_parts_of_try(node, names)
    if isinstance(node, _WITHS):
        when: When = "optional" if _suppresses(node, names) else "load"
        return [*_all(node.items, "load"), *_all(node.body, when)]
    if isinstance(node, _LOOPS):
        head = [node.test] if isinstance(node, ast.While) else [node.target, node.iter]
        return [*_all(head, "load"), *_all([*node.body, *node.orelse], "maybe")]
    if isinstance(node, ast.match_case):
        return [(node.pattern, "load"), *_all(node.body, "maybe")]
    return _all(_list_parts(node), "load")


def _all(nodes: Sequence[ast.AST], when: When) -> list[Pair]:
    return [(node, when) for node in nodes]


def _list_branches(node: ast.If, whens: tuple[When, When]) -> list[Pair]:
    found = [*_all(node.body, whens[0]), *_all(node.orelse, whens[1])]
    return sorted(found, key=lambda pair: getattr(pair[0], "lineno", 0))


def _list_parts_of_try(node: "ast.Try | ast.TryStar", names: frozenset[str]) -> list[Pair]:
    caught = any(_catches(handler, names) for handler in node.handlers)
    inner: When = "optional" if caught else "load"
    found = _all(node.body, inner)
    for handler in node.handlers:
        found += _all([handler.type] if handler.type else [], "load")
        found += _all(handler.body, "optional" if _catches(handler, names) else "maybe")
    return [*found, *_all(node.orelse, inner), *_all(node.finalbody, "load")]


def _catches(handler: ast.ExceptHandler, names: frozenset[str]) -> bool:
    return handler.type is None or not _list_names(handler.type).isdisjoint(names)


def _suppresses(node: "ast.With | ast.AsyncWith", names: frozenset[str]) -> bool:
    quiet = False
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and last_name(call.func) in ("suppress", "ignored"):
            quiet |= any(_list_names(one) & names for one in call.args)
    return quiet


def _list_error_names(tree: ast.Module) -> frozenset[str]:
    """A module -> what import errors are called in it: `ERRORS = (ImportError, OSError)` too."""
    names = set(_IMPORT_ERRORS)
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple | ast.Name):
            if _list_names(node.value) & _IMPORT_ERRORS:
                names |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {one.asname for one in node.names if one.asname and one.name in names}
    return frozenset(names)


def _list_names(node: ast.expr) -> set[str]:
    """The last names in an expression: those of `builtins.ImportError` and of tuples as well."""
    return {last_name(one) for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)}
