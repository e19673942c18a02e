from lib.thing import Thing
from .thing import make as make

__all__ = ["Thing", "make"]


def __getattr__(name):
    if name == "lazy_value":
        from . import late

        return late.VALUE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*__all__, "lazy_value"]
