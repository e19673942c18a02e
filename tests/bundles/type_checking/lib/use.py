from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .only_types import Shape


def size_of(shape: "Shape") -> int:
    return len(shape)
