"""The annotations of both stay strings."""
from __future__ import annotations
from lib.typed import Node, later
from lib.plain import now


def local(x: Missing) -> Absent:
    return x


print(local.__annotations__, Node.__annotations__, later.__annotations__, now.__annotations__)
