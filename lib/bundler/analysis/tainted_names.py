"""A module's syntax tree -> the names whose values were computed from __file__."""

import ast


def find_tainted(tree: ast.Module) -> frozenset[str]:
    """The names whose values have something of __file__ in them."""
    found: set[str] = set()
    pairs: list[tuple[list[ast.expr], ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs.append((node.targets, node.value))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            pairs.append(([node.target], node.value))
        elif isinstance(node, ast.For):
            pairs.append(([node.target], node.iter))
    before = -1
    while before != len(found):
        before = len(found)
        for targets, value in pairs:
            if mentions(value, found):
                found |= {one.id for t in targets for one in ast.walk(t) if type(one) is ast.Name}
    return frozenset(found)


def mentions(node: ast.AST, names: "set[str] | frozenset[str]") -> bool:
    """Tell whether an expression has __file__ or one of the names in it."""
    return any(
        one.id == "__file__" or one.id in names
        for one in ast.walk(node)
        if isinstance(one, ast.Name)
    )
