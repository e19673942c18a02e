"""A pytest plugin (-p tests.bundled_kernel): what ships comes from the script in KERNEL_BUNDLE.

Every test then runs on the modules that the bundle imports from its own text, and the session
fails if one of them was read from lib/ instead.
"""

import os
import runpy
import sys
from pathlib import Path

import pytest

for name in [name for name in sys.modules if name.split(".")[0] == "lib"]:
    del sys.modules[name]
runpy.run_path(os.environ["KERNEL_BUNDLE"], run_name="bundle")

import lib  # noqa: E402
import lib.base  # noqa: E402
import lib.kernel.competition  # noqa: E402
import lib.kernel.recipes  # noqa: E402

SOURCES = Path(__file__).parents[1] / "lib"  # for what never ships
lib.__path__.append(str(SOURCES))
lib.base.__path__.append(str(SOURCES / "base"))
lib.kernel.competition.__path__.append(str(SOURCES / "kernel" / "competition"))
lib.kernel.recipes.__path__.append(str(SOURCES / "kernel" / "recipes"))
# Of the kernel alone: an entry names its recipes and its competition itself.
STAY = {"lib.kernel.recipes.table", "lib.kernel.competition.table"}
COMPETITIONS = "lib.kernel.competition."
(BUNDLED,) = [hook.bundled for hook in sys.path_hooks if hasattr(hook, "bundled")]


def is_of_another_competition(name: str) -> bool:
    """A module's name -> whether its competition is one that the bundle does not hold."""
    folder = name.removeprefix(COMPETITIONS).split(".")[0]
    path = f"{COMPETITIONS}{folder}".replace(".", "/")
    known = {f"{path}.py", f"{path}/__init__.py"} & BUNDLED.keys()
    return name.startswith(COMPETITIONS) and not known


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The end of the tests -> an error where a module that ships is not the bundle's."""
    for name, module in list(sys.modules.items()):
        path = name.replace(".", "/")
        stays = name in STAY or is_of_another_competition(name)
        is_kernels = name.startswith("lib.kernel") and not stays
        if is_kernels or {f"{path}.py", f"{path}/__init__.py"} & BUNDLED.keys():
            loader = type(module.__loader__).__qualname__
            assert "__bundle__" in loader, f"{name} came from {module.__file__}"
