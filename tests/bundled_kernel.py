"""A pytest plugin (-p tests.bundled_kernel): lib.kernel comes from the script in KERNEL_BUNDLE.

Every test then runs on the modules that the bundle imports from its own text, and the session
fails if one of them was read from lib/kernel instead.
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

lib.__path__.append(str(Path(__file__).parents[1] / "lib"))  # lib.host, which never ships


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The end of the tests -> an error where a module of the kernel is not the bundle's."""
    for name, module in list(sys.modules.items()):
        if name.startswith("lib.kernel"):
            loader = type(module.__loader__).__qualname__
            assert "__bundle__" in loader, f"{name} came from {module.__file__}"
