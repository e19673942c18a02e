from __future__ import annotations

import dataclasses
import doctest
import typing

from lib import documented
from lib.model import Base, Leaf, Pair


@dataclasses.dataclass
class Own(Base):
    """Mine.

    >>> Own(1).double()
    2
    >>> Own(2)
    Own(size=2, extra=None)
    """

    extra: Leaf | None = None

    def double(self) -> int:
        return 2 * self.size


print(typing.get_type_hints(Own), typing.get_type_hints(Leaf), typing.get_type_hints(Pair.swap))
print(dataclasses.asdict(Leaf(1, [2])), dataclasses.replace(Leaf(1, []), size=9), Own(3) == Own(3))
print(doctest.testmod(documented), doctest.testmod())
