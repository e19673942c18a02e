"""What nobody catches is told as by plain Python: errors, threads, `__del__`, exits, signals."""

from pathlib import Path

import pytest

from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair, demand_equal

DEEP = """\
def fail(value):
    return value["a"][0] / 0


def spell(thing):
    return thing.fooo


def again(n):
    return again(n + 1)


class Bad(Exception):
    def __str__(self):
        raise ValueError("no text")


def interrupt():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(10**8):
        pass


class Dying:
    def __del__(self):
        raise RuntimeError("while dying")
"""
HOOK = """\
import sys


def hook(kind, value, trace):
    names = []
    while trace:
        names.append((trace.tb_frame.f_code.co_name, trace.tb_lineno))
        trace = trace.tb_next
    print("hook", kind.__name__, value, names, sys.last_value is value)
    {more}


sys.excepthook = hook
"""
FAILS = "from lib import deep\n\ndeep.fail({'a': (1, 2)})\n"
PROGRAMS: dict[str, str] = {  # name: the entry; lib/deep.py is beside it
    "in a module": FAILS,
    "in the entry": "def run():\n    x = 1\n    return x + (\n        None\n    )\n\n\nrun()\n",
    "chain": (
        "from lib import deep\n\ntry:\n    deep.fail({'a': (1, 2)})\n"
        "except ArithmeticError as error:\n"
        "    error.add_note('a note')\n    try:\n        {}['b']\n    except KeyError:\n"
        "        raise RuntimeError('chained') from error\n"
    ),
    "group": (
        "from lib import deep\n\nfound = []\nfor value in ({'a': (1,)}, {}):\n    try:\n"
        "        deep.fail(value)\n    except Exception as error:\n        found.append(error)\n"
        "inner = ExceptionGroup('inner', [*found, ExceptionGroup('deepest', [OSError(2)])])\n"
        "raise ExceptionGroup('outer', [inner, *found])\n"
    ),
    "recursion": "from lib.deep import again\n\nagain(0)\n",
    "suggestion": "from lib.deep import spell\n\nclass A:\n    foo = 1\n\nspell(A())\n",
    "misspelt name": "from lib import deep\n\nvalues = []\nprint(valus)\n",
    "no module": "from lib import deep\n\nimport importlib\nimportlib.import_module('lib.none')\n",
    "no name": "from lib import deep\n\ndef run():\n    from lib.deep import failed\n\nrun()\n",
    "syntax": "from lib import deep\n\ncompile('x = (\\n1 1)', 'shown.py', 'exec')\n",
    "unprintable": "from lib.deep import Bad\n\nraise Bad()\n",
    "memory": "import lib.deep\n\nraise MemoryError\n",
    "base": "import lib.deep\n\nraise GeneratorExit('left')\n",
    "frozen": (
        "import dataclasses\nimport lib.deep\n\n@dataclasses.dataclass(frozen=True)\n"
        "class Frozen(Exception):\n    x: int\n\nraise Frozen(1)\n"
    ),
    "exit 3": "import sys\nimport lib.deep\n\nsys.exit(3)\n",
    "exit with text": "import sys\nimport lib.deep\n\nsys.exit('because')\n",
    "exit with a pair": "import lib.deep\n\nraise SystemExit((1, 2))\n",
    "abrupt": "import os\nimport lib.deep\n\nprint('before', flush=True)\nos._exit(4)\n",
    "terminated": ("import os, signal\nimport lib.deep\n\nos.kill(os.getpid(), signal.SIGTERM)\n"),
    "interrupted": "from lib import deep\n\ndeep.interrupt()\n",
    "interrupted, traceback loaded": "import traceback\nfrom lib import deep\n\ndeep.interrupt()\n",
    "interrupted, with a hook": HOOK.format(more="") + "from lib import deep\n\ndeep.interrupt()\n",
    "hook": HOOK.format(more="") + FAILS,
    "hook that prints": HOOK.format(more="sys.__excepthook__(kind, value, value.__traceback__)")
    + FAILS,
    "hook by traceback": HOOK.format(
        more="import traceback; traceback.print_exception(value); traceback.print_stack()"
    )
    + FAILS,
    "hook that fails": HOOK.format(more="import lib.deep; lib.deep.fail({})") + FAILS,
    "hook that exits": HOOK.format(more="sys.exit(7)") + FAILS,
    "hook of nothing": "import sys\nimport lib.deep\nsys.excepthook = None\n" + FAILS,
    "hook deleted": "import sys\nimport lib.deep\ndel sys.excepthook\n" + FAILS,
    "hook called": (
        "import sys\nfrom lib import deep\n\ntry:\n    deep.fail({'a': [1]})\nexcept Exception:\n"
        "    sys.excepthook(*sys.exc_info())\n    sys.__excepthook__(*sys.exc_info())\n"
        "print(sys.excepthook is sys.__excepthook__)\n"
    ),
    "threads": (
        "import threading\nfrom lib import deep\n\nfor goal in (deep.fail, deep.again):\n"
        "    one = threading.Thread(target=goal, args=({'a': [1]},), name='T')\n"
        "    one.start(); one.join()\n"
        "print(threading.excepthook is threading.__excepthook__)\n"
        "one = threading.Thread(target=exit, name='quiet')\none.start(); one.join()\n"
    ),
    "bare threads": (
        "import _thread, time\nfrom lib import deep\n\n"
        "_thread.start_new_thread(deep.fail, ({'a': [1]},))\ntime.sleep(0.2)\n"
    ),
    "hook of threads": (
        "import threading\nfrom lib import deep\n\ndef hook(args):\n"
        "    print(args.exc_type, args.exc_value, args.thread.name)\n"
        "    threading.__excepthook__(args)\n\nthreading.excepthook = hook\n"
        "one = threading.Thread(target=deep.fail, args=({'a': [1]},), name='T')\n"
        "one.start(); one.join()\n"
    ),
    "dying": "from lib.deep import Dying\n\nx = Dying()\ndel x\nprint('after', flush=True)\n",
    "hook of the dying": (
        "import sys\nfrom lib.deep import Dying\n\ndef hook(args):\n"
        "    print(args.exc_value, args.err_msg)\n    sys.__unraisablehook__(args)\n\n"
        "sys.unraisablehook = hook\nDying()\n"
    ),
    "at exit": "import atexit\nfrom lib import deep\n\natexit.register(deep.fail, {'a': [1]})\n",
    "logged": (
        "import logging\nfrom lib import deep\n\ntry:\n    deep.fail({'a': [1]})\n"
        "except Exception:\n    logging.exception('caught')\n"
    ),
    "in a coroutine": (
        "import asyncio\nfrom lib import deep\n\nasync def main():\n"
        "    asyncio.get_running_loop().call_soon(deep.fail, {})\n    await asyncio.sleep(0.01)\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(asyncio.to_thread(deep.fail, {}))\n\nasyncio.run(main())\n"
    ),
    "nowhere to print": "import sys\nimport lib.deep\n\nsys.stderr = None\nraise ValueError\n",
    "broken pipe": (
        "import os, sys\nimport lib.deep\n\nread, write = os.pipe()\nos.close(read)\n"
        "os.dup2(write, 1)\nprint('x' * 10)\n"
    ),
}


SHADOWS: Files = {  # what a printer of the interpreter imports
    f"{name}.py": f"MINE = {name!r}\n"
    for name in ("traceback", "linecache", "tokenize", "token", "re", "textwrap", "contextlib")
}

LOST_IN_PLAIN = ("tokenize.py", "token.py")  # there they end the printing of a file's first line


def with_modules(entry: str) -> Files:
    return {"entry.py": entry, "lib/__init__.py": "", "lib/deep.py": DEEP}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_nobody_catches(program: str, version: str, tmp_path: Path) -> None:
    told = demand_equal(tmp_path, version, with_modules(PROGRAMS[program]))
    assert told.exit_code != 0 or "hook called" in program or told.stderr or told.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("flags", [("-I",), ("-O",), ("-X", "dev"), ("-S", "-E", "-s"), ("-P",)])
def test_flags_change_nothing(flags: tuple[str, ...], version: str, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write(with_modules(PROGRAMS["chain"]))
    more = tuple(flag for flag in flags if flag not in ("-I", "-P"))
    expected = pair.run_plain(version, flags=more)
    assert expected.exit_code == 1
    assert pair.run(version, pair.bundle(), flags=flags) == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", ["in a module", "chain", "dying", "threads", "at exit", "hook"])
def test_unpacked_files_are_named_where_they_lie(
    program: str, version: str, tmp_path: Path
) -> None:
    demand_equal(tmp_path, version, with_modules(PROGRAMS[program]), styles=("text", "disk"))


@pytest.mark.parametrize("version", VERSIONS)
def test_modules_of_the_program_hide_those_of_the_printers(version: str, tmp_path: Path) -> None:
    """Plain Python 3.13 prints by them; where they are the program's, it falls back on its own."""
    more = "import {0}\n\nprint({0}.MINE)\n".format
    for name in SHADOWS:
        files = {name: SHADOWS[name]}
        entry = more(name.removesuffix(".py")) + PROGRAMS["chain"]
        if version == "3.13" and name in LOST_IN_PLAIN:
            pair = Pair(tmp_path / name)
            pair.write({**with_modules(entry), **files})
            lines = [pair.run_plain(version), pair.run(version, pair.bundle())]
            plain, bundled = (set(one.stderr.split("\n")) for one in lines)
            assert plain < bundled
        else:
            demand_equal(tmp_path / name, version, {**with_modules(entry), **files})


@pytest.mark.parametrize("version", VERSIONS)
def test_lines_of_a_module_in_another_encoding(version: str, tmp_path: Path) -> None:
    module = "# coding: latin-1\r\ndef fail(größe):\r\n    return größe / 0, 'é'\r\n"
    entry = "from deep import fail\n\nfail(1)\n"
    demand_equal(tmp_path, version, {"entry.py": entry, "deep.py": module.encode("latin-1")})


@pytest.mark.parametrize("version", VERSIONS)
def test_lines_without_files_in_memory(version: str, tmp_path: Path) -> None:
    """Where the system has no memfd, the lines pass through a file without a name."""
    pair = Pair(tmp_path)
    pair.write(with_modules(PROGRAMS["in a module"]))
    expected = pair.run_plain(version)
    script = pair.bundle()
    start = "import os, runpy, sys; del os.memfd_create; sys.argv = sys.argv[1:]\n"
    start += "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
    start += "except Exception as error:\n    found = error\n"
    start += "sys.excepthook(type(found), found, found.__traceback__)\n"
    flags = ("-c", start)
    got = pair.run(version, script, flags=flags)
    assert got.stderr.endswith(expected.stderr.partition("\n")[2])
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("version", VERSIONS)
def test_last_traceback_is_the_programs_own(version: str, tmp_path: Path) -> None:
    """With -i, the debugger would start at the frames that plain Python has."""
    pair = Pair(tmp_path)
    pair.write(with_modules(PROGRAMS["in a module"]))
    asked = (
        "import traceback\n"
        "for one in traceback.extract_tb(sys.last_traceback): print(one.name, one.lineno, "
        "one.line)\n"
    )
    pair.write({"entry.py": f"import sys\n{PROGRAMS['in a module']}"})
    expected = pair.run_plain(version, flags=("-i",), input=asked.encode())
    assert "fail 2" in expected.stdout
    assert pair.run(version, pair.bundle(), flags=("-i",), input=asked.encode()) == expected
