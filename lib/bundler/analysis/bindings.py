"""A module's syntax tree -> the names that its code may bind."""

import ast


def literal_all(tree: ast.Module) -> list[str]:
    """A module's tree -> the strings of its __all__, as far as they are literals."""
    names: list[str] = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            targets = [getattr(node.value.func, "value", None)]  # __all__.extend(["a"])
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            found = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            names += [one for one in found if isinstance(one, str)]
    return names


_ANY = {"*", "__getattr__"}
_ANY_NAMES = {"globals", "exec", "setattr", "vars", "locals", "__dict__"}
_ALWAYS = frozenset(
    ("__file__", "__path__", "__name__", "__doc__", "__spec__", "__all__", "__dict__")
)


def list_bound(tree: ast.Module) -> frozenset[str] | None:
    """A module's tree -> the names that its code may give it; None: it may give it any name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and node.attr in ("modules", "__dict__"):
            return None
    return _ALWAYS | names if names.isdisjoint(_ANY | _ANY_NAMES) else None
