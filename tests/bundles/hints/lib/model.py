from __future__ import annotations

import dataclasses
import typing


@dataclasses.dataclass
class Base:
    size: int


@dataclasses.dataclass(frozen=False, order=True)
class Leaf(Base):
    children: list[Leaf] = dataclasses.field(default_factory=list)


class Pair(typing.NamedTuple):
    left: int
    right: str

    def swap(self) -> tuple[str, Leaf]: ...
