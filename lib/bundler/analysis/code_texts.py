"""A text that a program runs as code -> the modules that it imports."""

import ast
import re

_IMPORT = re.compile(r"\b(?:from|import)\s+([^\W\d][\w.]*)")


def list_imports_in_text(text: str) -> list[str]:
    """A text such as "import helper; helper.run()", or the start of one -> dotted names.

    Of `from a import b` both "a" and "a.b" are given, for b may be a module.
    """
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return [name.rstrip(".") for name in _IMPORT.findall(text)]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in ("__import__", "import_module") and isinstance(node.args[0].value, str):
                found.append(node.args[0].value)
    return found
