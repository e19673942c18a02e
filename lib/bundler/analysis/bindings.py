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


def may_bind(tree: ast.Module, name: str) -> bool:
    """A module's tree and a name -> whether its code may give it that attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            if name in ("*", node.asname or node.name.partition(".")[0]) or node.name == "*":
                return True
        elif isinstance(node, ast.Name):
            if node.id in (name, "globals", "exec", "setattr", "vars", "locals", "__dict__"):
                return True
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name in (name, "__getattr__"):
                return True
        elif isinstance(node, ast.Attribute) and node.attr in ("modules", "__dict__"):
            return True
    return name in ("__file__", "__path__", "__name__", "__doc__", "__spec__", "__all__")
