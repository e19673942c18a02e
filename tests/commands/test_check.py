"""`build.py check`: what a manifest records builds the same bundle, or it is said what differs."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import build
from lib.base.errors import InputError
from lib.commands.bundling.check import CHECK
from lib.commands.options import parse_and_run
from tests.local_runs import ROOT, call, copy_sources

SOURCES = {
    "src/train.py": "from lib import b\nprint(b.f(), open('data.txt').read())\n",
    "src/lib/__init__.py": "",
    "src/lib/b.py": "def f():\n    return 1\n",
    "src/lib/plug.py": "",
    "src/lib/data.txt": "words\n",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with sources in `src` and their bundle in `out`."""
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    words = ["bundle", "src/train.py", "-o", "out/train.py", "--include", "lib.p*"]
    assert build.main([*words, "--style", "text"]) == 0
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> list[str]:
    capsys.readouterr()
    assert build.main(["check", *words]) == code
    return capsys.readouterr().out.splitlines()


def test_equal_sources_agree_in_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["out/train.py is what its sources make"]
    assert check(capsys, "out/train.py", code=0) == told
    recorded = json.loads((home / "out" / "train.manifest.json").read_text())["options"]
    assert recorded == {"entry": "../src/train.py", "include": ["lib.p*"], "style": "text"}


def test_a_project_may_move_and_be_checked_from_anywhere(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "moved").mkdir()
    for name in ("src", "out"):
        shutil.move(home / name, home / "moved" / name)
    monkeypatch.chdir(home / "moved" / "src" / "lib")
    assert len(check(capsys, "../../out/train.py", code=0)) == 1
    text = (home / "moved" / "out" / "train.manifest.json").read_text()
    assert str(home) not in text


OPTIONS = [
    ["src/train.py", "--style", "disk", "--limit", "900000"],
    ["src/train.py", "--exclude", "*.txt", "--pep723"],
    ["src/train.py", "--cwd", "*.json", "--include", "lib/*.txt"],
    ["src/scripts/start.py", "--path", "src", "--path", "far"],
    ["-m", "lib.tool", "--path", "src"],
    ["src/train.py", "--external", "lib", "--format", "notebook"],
    ["src/train.py", "--format", "notebook"],
    ["src/work.ipynb"],
]


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_every_option_that_changes_the_bundle_is_recorded(
    home: Path,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Checked from another folder, after all was moved; and what went in comes out."""
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"cells": [{**cell, "source": "import lib.b\nprint(lib.b.f())"}], "metadata": {}}
    files = {
        "src/scripts/start.py": "import far_away\nfrom lib import b\nprint(b.f())\n",
        "far/far_away.py": "",
        "src/lib/tool.py": "from . import b\nprint(b.f())\n",
        "src/more.json": "{}\n",
        "src/work.ipynb": json.dumps({**notebook, "nbformat": 4, "nbformat_minor": 5}),
    }
    for name, text in files.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)
    output = "made/it.ipynb" if "notebook" in words else "made/it.py"
    assert build.main(["bundle", *words, "-o", output]) == 0
    (home / "moved").mkdir()
    for name in ("src", "far", "made"):
        shutil.move(home / name, home / "moved" / name)
    monkeypatch.chdir(home / "moved" / "src")
    assert check(capsys, f"../{output}", code=0) == [f"../{output} is what its sources make"]
    assert str(home) not in (home / "moved" / "made" / "it.manifest.json").read_text()
    sources = {path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    sources |= {path.read_bytes() for path in Path("../far").iterdir()}
    assert build.main(["unbundle", f"../{output}", "-o", "found"]) == 0
    found = {path.name: path.read_bytes() for path in Path("found").rglob("*") if path.is_file()}
    others = [name for name, content in found.items() if content not in sources]
    assert others == (["work.py"] if "src/work.ipynb" in words else [])
    assert found


def test_each_source_that_differs_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "src" / "lib" / "b.py").write_text("from lib import new\ndef f():\n    return 2\n")
    (home / "src" / "lib" / "new.py").write_text("")
    (home / "src" / "lib" / "data.txt").unlink()
    assert check(capsys, "out/train.py", code=1) == [
        "lib/b.py: changed",
        "lib/data.txt: gone",
        "lib/new.py: new",
        "out/train.py is not what its sources make",
    ]
    (home / "src" / "lib" / "b.py").unlink()
    told = check(capsys, "out/train.py", code=1)
    assert "lib/b.py: gone" in told
    (home / "src" / "train.py").unlink()
    told = check(capsys, "out/train.py", code=1)
    assert "train.py: gone" in told
    assert "cannot be built now" in told[-2]


def test_edits_in_the_bundle_are_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "out" / "train.py"
    text = path.read_text()
    path.write_text(text.replace("    return 1\n", "    return 2\n"))
    assert check(capsys, "out/train.py", code=1)[0] == "lib/b.py: edited in out/train.py"
    path.write_text(text + "print('more')\n")
    assert check(capsys, "out/train.py", code=1)[0] == "out/train.py: edited outside of its files"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert check(capsys, "out/train.py", code=0) == ["out/train.py is what its sources make"]
    path.write_text(text[: len(text) // 2])
    assert "edited, and cannot be read" in check(capsys, "out/train.py", code=1)[0]
    path.write_text("print(1)\n")
    assert "tells no content sha256" in check(capsys, "out/train.py", code=1)[0]


def test_another_version_of_the_bundler_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files agree, and its own text was not touched."""
    from lib.base.files import sha256_bytes

    path, manifest = home / "out" / "train.py", home / "out" / "train.manifest.json"
    facts = json.loads(manifest.read_text())
    old = facts["sha256"]
    text = path.read_text().replace("edit the files, not this one", "edit the files")
    new = sha256_bytes(text.replace(old, "0" * 64, 1).encode())
    path.write_text(text.replace(old, new, 1))
    assert "not the bundle that its manifest is of" in check(capsys, "out/train.py", code=1)[0]
    manifest.write_text(json.dumps({**facts, "sha256": new}))
    assert "another version of the bundler" in check(capsys, "out/train.py", code=1)[0]


def test_without_what_was_recorded_there_is_no_answer(home: Path) -> None:
    manifest = home / "out" / "train.manifest.json"
    facts = json.loads(manifest.read_text())
    of_another = {**facts["options"], "colour": "red"}
    for text, said in (
        (None, r"train\.py has no manifest beside it \(train\.manifest\.json\)"),
        ("[1", "is no manifest"),
        (json.dumps({**facts, "options": of_another}), "options that are none here: colour"),
        (json.dumps({k: v for k, v in facts.items() if k != "options"}), "of an older version"),
    ):
        manifest.unlink(missing_ok=True)
        if text:
            manifest.write_text(text)
        with pytest.raises(InputError, match=said) as raised:
            parse_and_run(CHECK, ["out/train.py"])
        assert raised.value.cure


@pytest.mark.parametrize("form", ["script", "notebook"])
def test_a_kernel_is_checked_by_its_config(tmp_path: Path, form: str) -> None:
    """By the real command, in a copy: its template, a module and its CONFIG differ in turn."""
    copy = copy_sources(tmp_path / "copy")
    path = {"script": "build/kernel.py", "notebook": "build/notebook/kernel.ipynb"}[form]
    whole = ["--full"] if form == "script" else []  # as a notebook that would be too large
    words = ["--recipe", "pixel", "--set", "steps=3", *whole, "--format", form]
    assert call(copy, "build.py", *words).returncode == 0
    usual = [] if form == "script" else [path]
    done = call(copy, "build.py", "check", *usual)
    assert (done.returncode, done.stdout) == (0, f"{path} is what its sources make\n")
    template, module = copy / "kernel_template" / "entry.py.j2", copy / "lib" / "base" / "log.py"
    for file in (template, module):
        file.write_text(file.read_text() + "# one more line\n")
    done = call(copy, "build.py", "check", *usual)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == ["kernel.py: changed", "lib/base/log.py: changed"]
    (copy / "build" / "manifest.json").unlink(missing_ok=True)
    (copy / path).with_name("manifest.json").unlink(missing_ok=True)
    done = call(copy, "build.py", "check", *usual)
    assert done.returncode == 2
    assert "has no manifest beside it" in done.stderr
    assert sys.executable not in done.stdout


def test_the_forge_and_the_commit_hooks_check_the_kernel() -> None:
    for name in (".github/workflows/ci.yml", ".pre-commit-config.yaml"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if ".venv/bin/python build.py check" in line], name
