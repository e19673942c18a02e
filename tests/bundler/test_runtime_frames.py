"""Frames of a running bundle: at most the script's last line more, never with a wrong text."""

from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair, demand_equal

MODULE = """\
import faulthandler
import inspect
import logging
import sys
import traceback


def show():
    traceback.print_stack()


def list_stack():
    return [(one.function, one.lineno, one.code_context) for one in inspect.stack()]


def dump():
    faulthandler.dump_traceback()


def log():
    logging.warning("here", stack_info=True)


def count():
    frame, names = sys._getframe(), []
    while frame:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names
"""
SHOWN = {  # what: the entry
    "print_stack": "from lib import frames\n\nframes.show()\n",
    "stack": "from lib import frames\n\nfor one in frames.list_stack():\n    print(one)\n",
    "stack_info": "from lib import frames\n\nframes.log()\n",
    "faulthandler": "from lib import frames\n\nframes.dump()\n",
    "names": "from lib import frames\n\nfor name in frames.count():\n    print(name)\n",
}


def write(pair: Pair, entry: str) -> None:
    files: Files = {"entry.py": entry, "lib/__init__.py": "", "lib/frames.py": MODULE}
    pair.write(files)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
@pytest.mark.parametrize("out", ["entry.py", "kernel.py"])
@pytest.mark.parametrize("what", SHOWN)
def test_one_frame_more_at_most(
    what: str, out: str, style: str, version: str, tmp_path: Path
) -> None:
    pair = Pair(tmp_path)
    write(pair, SHOWN[what])
    expected = pair.run_plain(version)
    script = pair.bundle(out=out, style=style)
    got = pair.run(version, script)
    last = script.read_text().rstrip().count("\n") + 1
    plain = (expected.stdout + expected.stderr).split("\n")
    own = (got.stdout + got.stderr).split("\n")
    if what == "names":
        assert own == [*plain[:-1], "<module>", ""]
        return
    more = [line for line in own if line not in plain]
    assert [line for line in own if line in plain] == plain
    assert len(more) <= 2
    assert f"{last}" in "\n".join(more)
    assert "exec(__loader__" in more[1] if len(more) > 1 and out != "entry.py" else True


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("out", ["entry.py", "kernel.py"])
def test_sources_are_the_programs_own(out: str, version: str, tmp_path: Path) -> None:
    """Also after the cache of lines was cleared; the entry's are those without the bundle's."""
    entry = (
        "import inspect\nimport linecache\n\nfrom lib import frames\n\n\nclass Own:\n    x = 1"
        "\n\n\n"
        "def own():\n    return 5\n\n\ndef look():\n    print(inspect.getsource(Own), end='')\n"
        "    print(inspect.getsource(own), inspect.getsource(frames.count), end='')\n"
        "    print(len(inspect.getsource(inspect.currentframe())), inspect.getsource(frames)[:9])\n"
        "    print(inspect.findsource(frames.show)[1], inspect.getmodule(own).__name__)\n"
        "    print(repr(linecache.getline(own.__code__.co_filename, 12)))\n\n\n"
        "look()\nlinecache.clearcache()\nlook()\nlinecache.checkcache()\nlook()\n"
    )
    pair = Pair(tmp_path)
    write(pair, entry)
    expected = pair.run_plain(version)
    assert expected.exit_code == 0, expected.stderr
    assert pair.run(version, pair.bundle(out=out)) == expected


WARNINGS = {
    "of a module": "from lib import old\n\nold.warn()\n",
    "of C, in the entry": "import datetime\n\nprint(datetime.datetime.utcnow() is None)\n",
    "of the entry": "import warnings\nimport lib\n\nwarnings.warn('mine')\n",
    "at import": "from lib import loud\n",
    "of a compiler": "from lib import escapes\n",
    "never awaited": "import lib\n\nasync def f(): pass\n\nf()\n",
    "left open": "from lib import old\n\nold.leave()\n",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("flags", [(), ("-Wdefault",), ("-Werror",), ("-X", "dev")])
@pytest.mark.parametrize("what", WARNINGS)
def test_warnings_have_their_lines(
    what: str, flags: tuple[str, ...], version: str, tmp_path: Path
) -> None:
    """Those too that C code gives while the module warnings is not loaded."""
    files: Files = {
        "entry.py": WARNINGS[what],
        "lib/__init__.py": "",
        "lib/old.py": (
            "import warnings\n\n\ndef warn():\n    warnings.warn('old', UserWarning)\n\n\n"
            "def leave():\n    open(__import__('os').devnull)\n"
        ),
        "lib/loud.py": "import warnings\n\nwarnings.warn('loud', stacklevel=1)\n",
        "lib/escapes.py": "VALUE = '\\d'\n",
    }
    demand_equal(tmp_path, version, files, flags=flags)
