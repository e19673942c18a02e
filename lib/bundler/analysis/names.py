"""Expressions -> the names in them; and the words for how surely a line of code runs."""

import ast
from typing import Literal

When = Literal["load", "maybe", "later", "optional", "typing"]


def last_name(node: ast.AST | None) -> str:
    """`a.b.c` or `c` -> "c"; anything else -> ""."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def dotted_name(node: ast.AST | None) -> str:
    """`a.b.c` -> "a.b.c"; anything else than names and attributes -> ""."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
