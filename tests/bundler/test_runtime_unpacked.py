"""A bundle that must be files: where they lie, for how long, and what its processes find there."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.bundled import bound_by_permissions
from tests.bundler.plain_and_bundled import VERSIONS, Files, Pair, demand_equal
from tests.interpreters import find_python

FILES: Files = {
    "worker.py": "import lib.a, sys\nprint('worker', lib.a.X, __file__, sys.argv[1:])\n",
    "lib/__init__.py": "",
    "lib/a.py": b"\xef\xbb\xbfX = 'a'\r\nY = '''\r\n'''",
    "lib/latin.py": "# coding: latin-1\nX = 'é'\n".encode("latin-1"),
    "lib/table.csv": "a,b\r\n1,2",
    "lib/blob.bin": bytes(range(256)),
    "lib/empty.txt": "",
    "mixed.txt": b"a\r\nb\nc\rd\n\n",
    "plugins/one.py": "NAME = 1\n",
    "plugins/2nd.py": "NAME = 2\n",
}
PROGRAMS = {
    "scans": (
        "from pathlib import Path\nhere = Path(__file__).parent\n"
        "for path in sorted(here.rglob('*')):\n    if path.is_file():\n"
        "        print(path.relative_to(here), path.read_bytes())\n"
    ),
    "starts a worker": (
        "import os, subprocess, sys\n"
        "worker = os.path.join(os.path.dirname(__file__), 'worker.py')\n"
        "print('first', flush=True)\nsubprocess.run([sys.executable, worker, 'x'], check=True)\n"
        "print(__file__)\n"
    ),
    "starts a module": (
        "import subprocess, sys\nprint('first', flush=True)\n"
        "subprocess.run([sys.executable, '-m', 'lib.a'], check=True)\n"
    ),
    "starts itself": (
        "import subprocess, sys\nprint(sys.argv[1:], __file__, flush=True)\n"
        "if len(sys.argv) == 1:\n"
        "    subprocess.run([sys.executable, __file__, 'again'], check=True)\n"
    ),
    "spawns": (
        "import multiprocessing\nimport lib.a\n\n\ndef double(x):\n    return lib.a.X * x\n\n\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [2]), double.__module__)\n"
    ),
    "loads plugins": (
        "import importlib.util, pathlib\n"
        "for path in sorted((pathlib.Path(__file__).parent / 'plugins').glob('*.py')):\n"
        "    spec = importlib.util.spec_from_file_location(path.stem, path)\n"
        "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n"
        "    print(module.NAME, module.__file__)\n"
    ),
    "reads resources": (
        "import importlib.resources as resources, pkgutil\n"
        "print(resources.files('lib').joinpath('table.csv').read_bytes())\n"
        "print(pkgutil.get_data('lib', 'blob.bin') == bytes(range(256)))\n"
    ),
    "tells of itself": (
        "import inspect, lib.a, os, sys\nprint(inspect.getsource(sys.modules['__main__']))\n"
        "print(os.path.exists(lib.a.__spec__.origin), open(__file__).read()[:10])\n"
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_unpacked_program(program: str, version: str, tmp_path: Path) -> None:
    files = {**FILES, "entry.py": PROGRAMS[program]}
    told = demand_equal(tmp_path, version, files, styles=("disk",))
    assert told.exit_code == 0, told.stderr


def test_processes_find_what_stands_above_the_sections(tmp_path: Path) -> None:
    """With a preface the whole bundle is the file that they run."""
    pair = Pair(tmp_path)
    entry = PROGRAMS["spawns"].replace("lib.a.X * x", "lib.a.X * x, CONFIG")
    pair.write({**FILES, "entry.py": entry})
    got = pair.run("3.11", pair.render(style="disk", preface="CONFIG = 7\n"))
    assert (got.stdout, got.stderr) == ("[('aa', 7)] __main__\n", "")


WAITS = "import sys, time\nprint('up', flush=True)\ntime.sleep(60)\nimport lib.a\n"


def list_folders(pair: Pair) -> list[str]:
    return sorted(path.name for path in (pair.home / "tmp").iterdir() if path.is_dir())


def test_folders_of_other_versions_go_where_no_process_uses_them(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write({**FILES, "entry.py": WAITS})
    first = pair.render(style="disk", out="first.py")
    (pair.plain / "entry.py").write_text(WAITS.replace("60", "0"))
    second = pair.render(style="disk", out="second.py")
    (pair.plain / "entry.py").write_text(WAITS.replace("60", "0.0"))
    third = pair.render(style="disk", out="third.py")
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    words = [find_python("3.11"), str(first)]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == b"up\n"
        (kept,) = list_folders(pair)
        assert pair.run("3.11", second).exit_code == 0
        assert len(list_folders(pair)) == 2
        other = tmp_path / "tmp" / "entry-0123456789abcdef"  # not ours: no user's number
        other.mkdir()
        assert pair.run("3.11", third).exit_code == 0
        names = list_folders(pair)
        assert kept in names
        assert other.name in names
        assert len(names) == 3
        waiting.kill()
    assert pair.run("3.11", third).exit_code == 0
    assert kept not in list_folders(pair)


def test_two_at_once_share_a_folder(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write({**FILES, "entry.py": "import lib.a, time\ntime.sleep(0.3)\nprint(lib.a.X)\n"})
    script = pair.render(style="disk")
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    words = [find_python("3.11"), str(script)]
    running = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) for _ in range(6)]
    assert [one.communicate()[0] for one in running] == [b"a\n"] * 6
    assert len(list_folders(pair)) == 1


def test_the_next_folder_is_taken_where_the_first_is_closed(tmp_path: Path) -> None:
    prefix = bound_by_permissions()
    pair = Pair(tmp_path)
    pair.write({**FILES, "entry.py": "import lib.a\nprint(lib.a.__file__)\n"})
    script = pair.render(style="disk")
    closed, free = tmp_path / "closed", tmp_path / "free"
    closed.mkdir(0o555)
    free.mkdir()
    environment = {**os.environ, "TMPDIR": str(closed), "TEMP": str(free)}
    words = [*prefix, find_python("3.11"), str(script)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(free)), done.stderr


def test_without_a_place_one_line_says_so(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.write({**FILES, "entry.py": "import lib.a\n"})
    script = pair.render(style="disk")
    lines = "import os, sys, runpy\ndef fail(*words, **more): raise OSError(28, 'No space left')\n"
    start = lines + "os.makedirs = fail\nrunpy.run_path(sys.argv[1], run_name='__main__')\n"
    got = pair.run("3.11", script, flags=("-c", start))
    assert got.exit_code == 1
    assert got.stderr == (
        "entry.py: its files cannot be unpacked ([Errno 28] No space left); "
        "cure: let TMPDIR name a folder that can be written\n"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("style", ["code", "disk"])
def test_files_for_the_working_folder(style: str, version: str, tmp_path: Path) -> None:
    """They are laid there at the start, never over one that is there."""
    pair = Pair(tmp_path)
    names = ("config.json", "data/a.bin", "there.txt")
    entry = f"for name in {names}:\n    print(open(name, 'rb').read())\n"
    files: Files = {
        "scripts/entry.py": entry,
        "scripts/config.json": "{}\r\n",
        "scripts/data/a.bin": b"\0\1",
        "scripts/there.txt": "the program's",
    }
    pair.write(files)
    laid = tuple(name for name in files if not name.endswith(".py"))
    script = pair.render("scripts/entry.py", style, search=("scripts",), cwd_files=laid)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "there.txt").write_text("mine")
    got = pair.run(version, script, cwd=folder)
    assert (got.stdout, got.stderr) == ("b'{}\\r\\n'\nb'\\x00\\x01'\nb'mine'\n", "")
    assert sorted(path.name for path in folder.rglob("*")) == [
        "a.bin",
        "config.json",
        "data",
        "there.txt",
    ]
    written = (folder / "config.json").stat().st_mtime_ns
    time.sleep(0.01)
    pair.run(version, script, cwd=folder)
    assert (folder / "config.json").stat().st_mtime_ns == written
