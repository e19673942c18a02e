from . import circle, deep
from .deep import leaf

__all__ = ["circle", "SIDES"]
SIDES = 4
_hidden = 1
