"""`build.py bundle`: its options, its messages, and bundling again at every change."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.bundling import bundle as bundle_command
from lib.commands.bundling.bundle import BUNDLE
from lib.commands.options import parse_and_run
from tests.bundled import bound_by_permissions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    files = {
        "in/entry.py": "from lib import b\nprint(b.f())\n",
        "in/lib/__init__.py": "",
        "in/lib/a.py": "def g():\n    return 1\n",
        "in/lib/b.py": "def f():\n    from .a import g\n    return g()\n",
        "in/lib/c.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "in" / "entry.py"


def test_writes_script_and_manifest(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = entry.parents[1] / "out" / "one.py"
    assert parse_and_run(BUNDLE, [str(entry), "-o", str(out)]) == 0
    assert sorted(path.name for path in out.parent.iterdir()) == ["one.manifest.json", "one.py"]
    assert "4 files, bundle " in capsys.readouterr().out
    done = subprocess.run([sys.executable, out], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_relative_paths_are_of_the_callers_folder(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(entry.parent / "lib")
    assert parse_and_run(BUNDLE, ["../entry.py", "-o", "../../o.py", "--include", "lib.c"]) == 0
    assert "# ==== lib/c.py " in (entry.parents[1] / "o.py").read_text()


def test_explains_by_which_chain_a_module_is_reached(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_and_run(BUNDLE, [str(entry), "--explain", "lib.a"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["entry.py:1 imports lib.b", "lib/b.py:2 imports lib.a"]
    with pytest.raises(InputError, match=r"lib\.c is not reached.*cure: --include lib\.c"):
        parse_and_run(BUNDLE, [str(entry), "--explain", "lib.c"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.py", "-o", "x.py"], "no such file"),
        (["entry.py"], "no output is named"),
        (["entry.py", "-o", "entry.py"], "the entry itself"),
        (["entry.py", "-o", "x.py", "--style", "cod"], "did you mean 'code'"),
        (["entry.py", "-o", "x.py", "--styl", "code"], "did you mean '--style'"),
        (["entry.py", "-o", "x.py", "--include", "zz.*"], "matches nothing"),
    ],
)
def test_mistakes_name_their_cure(
    words: list[str], said: str, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(entry.parent)
    before = sorted(os.walk(entry.parent))
    with pytest.raises(InputError, match=said):
        parse_and_run(BUNDLE, words)
    assert sorted(os.walk(entry.parent)) == before


def test_unreadable_file_is_one_line_and_leaves_the_old_output(entry: Path) -> None:
    """By the real command: exit code 2, the file, its cure, and no trace beside the output."""
    prefix, out = bound_by_permissions(), entry.parents[1] / "out" / "one.py"
    words = [*prefix, sys.executable, str(ROOT / "build.py"), "bundle", str(entry), "-o", str(out)]
    subprocess.run(words, check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    (entry.parent / "lib" / "a.py").chmod(0)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "lib/a.py:1: cannot be read (Permission denied); cure: make it readable" in line
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_watch_bundles_again_at_every_change(entry: Path) -> None:
    out = entry.parents[1] / "out.py"
    (entry.parent / "lib" / "b.py").write_text("from .a import g as f\n")
    program = (
        "import sys\nfrom lib.commands.bundling.bundle import BUNDLE\n"
        "from lib.commands.options import parse_and_run\nparse_and_run(BUNDLE, sys.argv[1:])\n"
    )
    words = [sys.executable, "-c", program, str(entry), "-o", str(out), "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as watcher:
        try:
            _wait_for(out, "return 1")
            (entry.parent / "lib" / "a.py").write_text("def g(:\n")
            assert watcher.stderr is not None
            assert "lib/a.py:1: syntax error" in watcher.stderr.readline()
            assert "return 1" in out.read_text()
            (entry.parent / "lib" / "a.py").write_text("def g():\n    return 22\n")
            _wait_for(out, "return 22")
        finally:
            watcher.send_signal(signal.SIGTERM)


class _EnoughError(Exception):
    """Ends a watch that would go on for ever."""


def test_watch_sees_a_change_that_comes_while_it_bundles(
    entry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once such a change was missed until the next one, and this suite waited for ever."""
    out, source = entry.parents[1] / "out.py", entry.parent / "lib" / "a.py"
    (entry.parent / "lib" / "b.py").write_text("from .a import g as f\n")
    changes = iter(["def g(:\n", "def g():\n    return 22\n"])
    written, pauses = bundle_command.write_bundle, iter(range(4))

    def write_and_change(*words: object) -> None:
        written(*words)
        source.write_text(next(changes, source.read_text()))

    def change_or_end(_: float) -> None:
        if next(pauses, None) is None:
            raise _EnoughError
        if capsys.readouterr().err:
            source.write_text(next(changes))

    monkeypatch.setattr(bundle_command, "write_bundle", write_and_change)
    monkeypatch.setattr(time, "sleep", change_or_end)
    with pytest.raises(_EnoughError):
        parse_and_run(BUNDLE, [str(entry), "-o", str(out), "--watch"])
    assert "return 22" in out.read_text()


def test_watch_sees_a_mended_file_that_no_bundle_has_held(
    entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, new = entry.parents[1] / "out.py", entry.parent / "lib" / "new.py"
    texts = iter(["def g(:\n", "NEW = 1\n"])

    def change_or_end(_: float) -> None:
        if (text := next(texts, None)) is None:
            raise _EnoughError
        if not new.exists():
            entry.write_text("import lib.new\n")
        new.write_text(text)

    monkeypatch.setattr(time, "sleep", change_or_end)
    with pytest.raises(_EnoughError):
        parse_and_run(BUNDLE, [str(entry), "-o", str(out), "--watch"])
    assert "NEW = 1" in out.read_text()


def _wait_for(out: Path, text: str) -> None:
    for _ in range(600):
        if out.is_file() and text in out.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{text!r} never came")


@pytest.mark.parametrize(
    ("words", "text", "came"),
    [
        ([], "import late\n", "late.py"),
        (["--include", "plug.*"], "import plug\n", "plug/b.py"),
        ([], "import plug\n", "plug/data.txt"),
        (["--cwd", "conf/*"], "import plug\n", "conf/more.txt"),
        ([], "from pathlib import Path\nx = Path(__file__).parent / 'x' / 'a.txt'\n", "x/a.txt"),
    ],
    ids=["an import", "a glob", "package data", "the working folder", "a named folder"],
)
def test_watch_sees_a_new_file(
    words: list[str], text: str, came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cures an error, that a glob matches, or that is data of a package."""
    folder, out = tmp_path / "in", tmp_path / "out.py"
    for name in ("plug/__init__.py", "plug/a.py", "conf/one.txt", came):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name != came:
            (folder / name).touch()
    entry = folder / "entry.py"
    entry.write_text(text)

    def add_or_end(_: float) -> None:
        if (folder / came).exists():
            raise _EnoughError
        (folder / came).write_text("LATE = 1\n")

    monkeypatch.setattr(time, "sleep", add_or_end)
    monkeypatch.chdir(folder)
    with pytest.raises(_EnoughError):
        parse_and_run(BUNDLE, ["entry.py", "-o", str(out), "--watch", *words])
    assert "LATE = 1" in out.read_text()


def test_an_executable_entry_gives_an_executable_bundle(entry: Path) -> None:
    out = entry.parents[1] / "o.py"
    assert parse_and_run(BUNDLE, [str(entry), "-o", str(out)]) == 0
    assert not out.stat().st_mode & 0o111
    entry.write_text("#!/usr/bin/env python3\nprint('ran')\n")
    entry.chmod(0o755)
    assert parse_and_run(BUNDLE, [str(entry), "-o", str(out)]) == 0
    assert out.stat().st_mode & 0o111 == 0o111
    assert out.read_text().startswith("#!/usr/bin/env python3\n")


def test_differences_are_warnings_and_stand_in_the_manifest(
    entry: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(entry.parent)
    entry.write_text("print(open('a.txt').read())\n")
    (entry.parent / "a.txt").write_text("A")
    out = entry.parents[1] / "o.py"
    assert parse_and_run(BUNDLE, ["entry.py", "-o", str(out)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: entry.py:1: names a.txt in the working folder")
    assert line.endswith("; cure: --cwd a.txt lays it there at the start")
    (told,) = json.loads(out.with_suffix(".manifest.json").read_text())["differences"]
    assert line.endswith(f"entry.py:1: {told['what']}; cure: {told['cure']}")
    out.unlink()
    with pytest.raises(InputError, match="1 difference with --strict, nothing is written"):
        parse_and_run(BUNDLE, ["entry.py", "-o", str(out), "--strict"])
    assert not out.exists()
    assert capsys.readouterr().err.splitlines() == [line]


def test_sources_that_are_on_the_path_where_they_lie_are_taken(tmp_path: Path) -> None:
    """As an editable install puts them there, in a .pth file that names their folder."""
    files = {"app/entry.py": "import own\nprint(own.X)\n", "src/own/__init__.py": "X = 5\n"}
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    source, out = tmp_path / "project" / "src", tmp_path / "out" / "entry.py"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "own.pth").write_text(f"{source}\n")
    program = (
        f"import site, sys\nsite.addsitedir({str(tmp_path / 'site')!r})\n"
        f"sys.path.insert(0, {str(ROOT)!r})\nimport build\nsys.exit(build.main(sys.argv[1:]))\n"
    )
    words = [sys.executable, "-c", program, "bundle", "entry.py", "-o", str(out)]
    folder = tmp_path / "project" / "app"
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "project").rename(tmp_path / "away")
    words = [sys.executable, "-I", str(out)]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("5\n", "")
