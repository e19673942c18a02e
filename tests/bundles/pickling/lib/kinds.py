from collections import namedtuple
from enum import Enum


class Outer:
    class Inner:
        def __init__(self, value):
            self.value = value

        @classmethod
        def make(cls):
            return cls(0)

        def __eq__(self, other):
            return self.value == other.value

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


Record = namedtuple("Record", "number text")


def double(x):
    return 2 * x
