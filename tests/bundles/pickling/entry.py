import copy
import pickle
from enum import Enum

from lib.kinds import Colour, Outer, Record, double


class Own:
    class Nested:
        value = 5

    def __eq__(self, other):
        return type(other) is Own


class Level(Enum):
    LOW = 1


def square(x):
    return x * x


things = [Outer(1), Outer.Inner(2), Colour.RED, Record(1, "a"), double, Outer.Inner.make]
things += [Own(), Own.Nested, Level.LOW, square, Own.Nested()]
for thing in things:
    blob = pickle.dumps(thing)
    again = pickle.loads(blob)
    names = [name for name in (b"lib.kinds", b"__main__") if name in blob]
    print(type(again).__qualname__, names, again == thing or type(again) is type(thing))
print(copy.deepcopy(Colour.RED) is Colour.RED, Colour("red"), repr(Record(1, "b")))
