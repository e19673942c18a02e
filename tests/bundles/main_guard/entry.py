"""What __main__ is."""

import sys

import __main__
from lib.guarded import who

VALUE = 1


class Own:
    pass


if __name__ == "__main__":
    print(__name__, __doc__, __package__, __spec__, who(), sys.argv[1:])
    print(sys.modules["__main__"].VALUE, __main__.Own is Own, Own.__module__, repr(Own))
    print(sys.modules["__main__"].__dict__ is globals(), vars(__main__)["VALUE"])
    print(sorted(name for name in globals() if not name.startswith("__")))
