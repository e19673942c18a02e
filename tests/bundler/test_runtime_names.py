"""A program may rebind any name: the runtime has a namespace of its own, and leaves none behind."""

import builtins
from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair, demand_equal

MODULES: Files = {
    "lib/__init__.py": "",
    "lib/one.py": "from __future__ import annotations\n\nVALUE: Some = 1\n",
    "lib/two.py": "# coding: latin-1\nVALUE = 'é'\n".encode("latin-1"),
    "lib/fails.py": "def fail():\n    raise ValueError('told')\n",
    "space/three.py": "VALUE = 3\n",
}
ENTRY = """\
{rebound}
from lib.one import VALUE
from lib import two
import space.three
import json, dataclasses, linecache
try:
    import lib.none
except {error}:
    {tell}(VALUE, two.VALUE, space.three.VALUE)
try:
    import numpy_of_nowhere
except {error}:
    {tell}("missing")
import traceback
{tell}(linecache.getline(two.__file__, 2), json.dumps(1))
import lib.fails
lib.fails.fail()
"""


def list_names() -> list[str]:
    return [name for name in dir(builtins) if name not in ("__import__", "__build_class__")]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_builtin_name_may_be_rebound(version: str, tmp_path: Path) -> None:
    """As global names of the entry: `compile = True`, `open = None` and all the others."""
    names = [name for name in list_names() if name not in ("__debug__", "None", "True", "False")]
    lines = ["import builtins as kept", *(f"{name} = None" for name in names)]
    entry = ENTRY.format(rebound="\n".join(lines), error="kept.ImportError", tell="kept.print")
    told = demand_equal(tmp_path, version, {"entry.py": entry, **MODULES})
    assert told.stdout.startswith("1 é 3\nmissing\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_star_imports_may_hide_builtins(version: str, tmp_path: Path) -> None:
    """Past fault: after `from re import compile` or `from numpy import *`, imports failed."""
    stars = "compile = open = len = max = min = sum = exec = any = all = 7\n"
    entry = ENTRY.format(
        rebound="from stars import *\nfrom re import compile", error="ImportError", tell="print"
    )
    demand_equal(tmp_path, version, {"entry.py": entry, "stars.py": stars, **MODULES})


@pytest.mark.parametrize("version", VERSIONS)
def test_builtins_themselves_may_be_replaced(version: str, tmp_path: Path) -> None:
    entry = (
        "import builtins\n\nfor name in ('open', 'min', 'reversed', 'compile_of_nowhere'):\n"
        "    setattr(builtins, name, None)\n"
        "from lib import one, two, fails\nimport space.three\n\n"
        "print(one.VALUE, two.VALUE, space.three.VALUE)\n"
    )
    demand_equal(tmp_path, version, {"entry.py": entry, **MODULES})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "text", "disk"])
def test_globals_are_those_of_plain_python(style: str, version: str, tmp_path: Path) -> None:
    entry = (
        "import sys\nfrom lib import one\n\n"
        "print({name: type(value).__name__ for name, value in globals().items()\n"
        "       if name != '__loader__'})\n"
        "print(__name__, __package__, __spec__, __doc__, __annotations__)\n"
        "print(sys.argv[0] == __file__ or sys.argv[0].endswith('entry.py'), vars() is globals())\n"
        "print(sys.flags.safe_path, sys.modules['__main__'].__dict__ is globals(), one.VALUE)\n"
    )
    demand_equal(tmp_path, version, {"entry.py": entry, **MODULES}, styles=(style,))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_runtime_offers_its_hash_and_text_as_a_module(version: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write(
        {
            "entry.py": (
                "import __bundle__\n\nprint(__bundle__.sha256, __bundle__.text == "
                "open(__file__).read(), '__bundle__' in __builtins__.__dict__)\n"
            )
        }
    )
    script = pair.bundle()
    named = script.read_text().split("with zeros in its place): ")[1][:64]
    assert pair.run(version, script).stdout == f"{named} True False\n"
