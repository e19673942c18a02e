"""A dotted name -> its module runs as `python -m` runs it."""

import sys
from importlib.machinery import ModuleSpec


class _Spec(ModuleSpec):
    """The spec of __main__; processes that multiprocessing spawns start from the bundle's file."""

    def __getattribute__(self, key):
        asker = sys._getframe(1).f_globals.get("__name__")
        if key == "name" and asker == "multiprocessing.spawn":
            raise AttributeError(key)
        return super().__getattribute__(key)


def start_module(module, main, loader, file):
    """(dotted name, globals of __main__, its loader, its file) -> whether its code runs now.

    As with `python -m`, its parents are imported first. A spawned process runs no package's
    __main__ again. It may be started by name only where that file itself is what runs.
    """
    if file.endswith("__main__.py") and not module.endswith("__main__"):
        module += ".__main__"
    package = module.rpartition(".")[0]
    main["__package__"] = package
    if package:
        __import__(package)
    kind = ModuleSpec if main["__file__"] == file else _Spec
    main["__spec__"] = kind(module, loader, origin=file)
    main["__spec__"].has_location = True
    sys.argv[0] = file
    return main["__name__"] == "__main__" or not module.endswith(".__main__")
