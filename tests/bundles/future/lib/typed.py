# A comment may come first.
"""And a docstring."""
from __future__ import (
    annotations,
    generator_stop,
)


class Node:
    next: Node | None


def later(node: Unknown) -> Node: ...
