"""Imports of a bundle follow sys.path and __path__ in order, as those of separate files do."""

import subprocess
from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair, demand_equal
from tests.interpreters import find_python

TWO = {"utils.py": "NAME = 'first'\n", "v2/utils.py": "NAME = 'second'\n"}
SHOW = "import utils\nprint(utils.NAME, utils.__file__, utils.__spec__.origin, utils.__cached__)\n"
PACK = {"pack/__init__.py": "", "pack/a.py": "NAME = 'a'\n", "pack/inner/b.py": "NAME = 'b'\n"}
PROGRAMS: dict[str, tuple[str, Files]] = {  # name: (the entry, files beside it)
    "plain order": ("import sys\n" + SHOW, TWO),
    "relative first": ("import sys\nsys.path.insert(0, 'v2')\n" + SHOW, TWO),
    "relative, dotted": ("import sys\nsys.path.insert(0, './v2/../v2')\n" + SHOW, TWO),
    "relative last": ("import sys\nsys.path.append('v2')\n" + SHOW, TWO),
    "by the working folder": (
        "import os, sys\nsys.path.insert(0, os.path.join(os.getcwd(), 'v2'))\n" + SHOW,
        TWO,
    ),
    "by sys.argv": (
        "import os, sys\nhere = os.path.dirname(os.path.abspath(sys.argv[0]))\n"
        "sys.path.insert(0, os.path.join(here, 'pack', '..', 'v2'))\n"
        "import utils\nprint(utils.NAME)\n",
        {**TWO, **PACK},
    ),
    "changed back": (
        "import importlib, sys\nsys.path.insert(0, 'v2')\n" + SHOW + "sys.path.remove('v2')\n"
        "del sys.modules['utils']\nimportlib.invalidate_caches()\n" + SHOW,
        TWO,
    ),
    "reload": (
        "import importlib, sys, utils\nsys.path.insert(0, 'v2')\nprint(utils.NAME)\n"
        "print(importlib.reload(utils).NAME)\n",
        TWO,
    ),
    "a real folder": (
        "import os, sys, tempfile\nwith tempfile.TemporaryDirectory() as folder:\n"
        "    with open(os.path.join(folder, 'utils.py'), 'w') as file:\n"
        "        file.write('NAME = 1\\n')\n    sys.path.insert(0, folder)\n    import utils\n"
        "    print(utils.NAME)\n",
        TWO,
    ),
    "written in the working folder": (
        "import importlib, sys\nwith open('made.py', 'w') as file:\n    file.write('NAME = 1\\n')\n"
        "importlib.invalidate_caches()\nimport made, utils\nprint(made.NAME, utils.NAME)\n"
        "import os\nos.unlink('made.py')\n",
        TWO,
    ),
    "more in __path__": (
        "import sys\nimport pack\npack.__path__.append(pack.__path__[0] + '/inner')\n"
        "from pack import b\nprint(b.NAME, b.__name__, len(pack.__path__))\n",
        PACK,
    ),
    "namespace": (
        "import pack.inner.b, space.part.c\nprint(type(space.__path__).__name__, space.__path__,\n"
        "    getattr(space, '__file__', None), space.__spec__.loader is None)\n",
        {**PACK, "space/part/c.py": ""},
    ),
    "spread namespace": (
        "import sys\nsys.path.append('more')\nimport space.one, space.two\n"
        "print(space.__path__, space.one.X, space.two.X)\n",
        {"space/one.py": "X = 1\n", "more/space/two.py": "X = 2\n"},
    ),
    "extended": (
        "import sys\nsys.path.append('more')\nimport wide.one, wide.two\nprint(wide.__path__)\n",
        {
            "wide/__init__.py": (
                "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n"
            ),
            "wide/one.py": "",
            "more/wide/__init__.py": "",
            "more/wide/two.py": "",
        },
    ),
    "no identifier": (
        "import importlib\nfor name in ('unet-v2', 'models.1st'):\n"
        "    module = importlib.import_module(name)\n"
        "    print(module.X, module.__name__, module)\n",
        {"unet-v2.py": "X = 1\n", "models/__init__.py": "", "models/1st.py": "X = 2\n"},
    ),
    "specs": (
        "import importlib.util\nfor name in ('utils', 'pack', 'pack.a', 'none', 'json'):\n"
        "    spec = importlib.util.find_spec(name)\n    print(name, spec and (spec.origin,\n"
        "          spec.submodule_search_locations, spec.has_location, spec.parent))\n",
        {**TWO, **PACK},
    ),
    "lists": (
        "import pkgutil\nimport pack\nfor one in pkgutil.iter_modules(pack.__path__, 'pack.'):\n"
        "    print(one.name, one.ispkg)\nprint([m.name for m in pkgutil.walk_packages(['v2'])])\n"
        "names = [m.name for m in pkgutil.iter_modules()]\n"
        "print('utils' in names, 'json' in names)\n",
        {**PACK, "v2/tree/__init__.py": "", "v2/tree/leaf.py": "", **TWO},
    ),
    "sources": (
        "import pkgutil, importlib, inspect\nimport pack.a as a\n"
        "print(a.__loader__.get_source('pack.a'), inspect.getsource(a))\n"
        "print(pkgutil.get_data('pack', 'a.py'))\n"
        "print(a.__loader__.get_filename('pack.a'), a.__loader__.is_package('pack.a'))\n"
        "print(a.__loader__.get_data(a.__file__), pkgutil.get_data('pack', 'inner/b.py'))\n",
        PACK,
    ),
    "failing": (
        "for name in ('broken', 'broken', 'pack.none', 'none.a', 'utils.x'):\n    try:\n"
        "        __import__(name)\n    except Exception as error:\n"
        "        print(type(error), error, getattr(error, 'name', 1), getattr(error, 'path', 1))\n"
        "import sys\nprint('broken' in sys.modules)\nfrom pack import none\n",
        {"broken.py": "X = 1\nimport nowhere_to_be_found\n", **PACK, **TWO},
    ),
    "circular": (
        "import left\n",
        {"left.py": "from right import y\nx = 1\n", "right.py": "from left import x\ny = 1\n"},
    ),
    "hides the library's": (
        "import queue, statistics, random\nprint(queue.X, statistics.mean([1, 2]), random.X)\n",
        {"queue.py": "X = 'mine'\n", "random.py": "X = 'mine too'\n"},
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_imports_of(program: str, version: str, tmp_path: Path) -> None:
    entry, files = PROGRAMS[program]
    demand_equal(tmp_path, version, {**files, "entry.py": entry}, styles=("code", "disk"))


@pytest.mark.parametrize("version", VERSIONS)
def test_python_tells_what_hides_its_library(version: str, tmp_path: Path) -> None:
    """Python 3.13 names the file that seems to lie beside the script."""
    files: Files = {"entry.py": "import random\n\nrandom.choice\n", "random.py": ""}
    told = demand_equal(tmp_path, version, files)
    assert ("renaming 'ROOT/random.py'" in told.stderr) == (version == "3.13")


PLACED: Files = {
    "scripts/train.py": """\
import os
import queue
import sys

import late
import lib.deep
import near
import tools.one
import tools.two

try:
    import json
except ImportError as error:
    json = error
print(lib.deep.X, near.X, tools.one.X, late.X, tools.two.X, json)
for module in (lib, lib.deep, near, tools.one, late):
    print(module.__file__)
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
print([path for path in sys.path if path.startswith(root)], tools.__path__)
lib.deep.fail()
""",
    "scripts/near.py": "X = 'near'\n",
    "lib/__init__.py": "",
    "lib/deep.py": "import near\nX = near.X\n\n\ndef fail():\n    return X / 0\n",
    "src/tools/one.py": "X = 'src'\n",
    "src/json/__init__.py": "raise ImportError('PYTHONPATH hides the library')\n",
    "end/late.py": "X = 'late'\n",
    "end/tools/two.py": "X = 'end'\n",
    "end/queue.py": "raise ImportError('this is behind the library')\n",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_folders_of_the_bundle_are_on_the_path_in_their_order(
    style: str, version: str, tmp_path: Path
) -> None:
    """Those of PYTHONPATH stand behind the script's own, appended ones at the end."""
    pair = Pair(tmp_path)
    pair.write(PLACED)
    start = f"import sys\nsys.path.append({str(pair.plain / 'end')!r})\n"
    (tmp_path / "sitecustomize.py").write_text(start)
    paths = {"PYTHONPATH": f"{pair.plain}:{pair.plain / 'src'}:{tmp_path}"}
    expected = pair.run_plain(version, name="scripts/train.py", env=paths)
    assert expected.stdout.startswith("near near src late"), expected.stderr
    layout = {"search": ("scripts", "", "src"), "late_search": ("end",)}
    script = pair.render("scripts/train.py", style, out="scripts/train.py", **layout)
    assert pair.run(version, script) == expected
    moved = script.rename(tmp_path / "alone" / "kernel.py")  # where no folder lies above it
    told = pair.run(version, moved, cwd=tmp_path)
    assert told.stdout.split("\n")[0] == expected.stdout.split("\n")[0]
    assert told.stderr.split("\n")[-2:] == expected.stderr.split("\n")[-2:]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_the_working_folder_stands_for_the_programs_own(
    style: str, version: str, tmp_path: Path
) -> None:
    """A program is run in its own folder, its bundle in any other one."""
    pair = Pair(tmp_path)
    entry = "import os, sys\nsys.path.insert(0, os.path.join(os.getcwd(), 'v2'))\n" + SHOW
    pair.write({**TWO, "entry.py": entry})
    script = pair.render(style=style)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert pair.run(version, script, cwd=folder) == pair.run_plain(version)


def test_it_runs_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write({**PACK, "entry.py": "import pack.a\nprint(pack.a.NAME)\n"})
    script = pair.render()
    folder = tmp_path / "gone"
    folder.mkdir()
    words = f"cd {folder} && rmdir {folder} && exec {find_python('3.11')} {script}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("a\n", "")
