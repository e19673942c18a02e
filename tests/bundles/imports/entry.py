"""Relative, dotted-as and star imports."""

import lib.shapes.square as square
import lib.words as w, lib.shapes
from lib import words
from lib.shapes import *
from lib.shapes.square import area as area_of

print(w is words, square.area(3), area_of(4), lib.shapes.square is square)
print(circle.area(1), sorted(name for name in dir() if name in ("circle", "_hidden", "SIDES")))
print(lib.shapes.deep.leaf.path(), __doc__)
