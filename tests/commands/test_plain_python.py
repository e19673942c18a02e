"""build.py without its packages, and by Pythons that are too old for the rest of the sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import build
from lib.kaggle.ledger import append_event
from tests.bundled import CASES
from tests.interpreters import find_python
from tests.local_runs import copy_sources

NEW, OLD = ("3.11", "3.12", "3.13"), ("2.7", "3.6", "3.8", "3.9", "3.10")
HELPS = """
import sys
sys.path.insert(0, ".")
import build
for name in build.COMMANDS:
    try:
        build.main([name, "--help"])
    except SystemExit as end:
        assert end.code == 0, name
assert build.main(["--help"]) == 0
heavy = {"torch", "numpy", "PIL", "jinja2", "requests", "scipy", "pandas", "kagglesdk"}
print("imported:", sorted(heavy & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose kernel has an owner, so that push gets as far as needing a package."""
    folder = copy_sources(tmp_path_factory.mktemp("copy") / "sources")
    metadata = folder / "kernel-metadata.json"
    metadata.write_text(metadata.read_text().replace("your-kaggle-name", "ada"))
    return folder


def call(folder: Path, python: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command without site-packages (-S), where nobody has signed in to Kaggle."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    return subprocess.run(
        [python, "-S", *words],
        cwd=folder,
        env={**kept, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", NEW)
def test_help_of_every_command_needs_no_package(sources: Path, version: str) -> None:
    ended = call(sources, find_python(version), "-c", HELPS)
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in build.COMMANDS:
        assert f"usage: build.py {name} " in ended.stdout
        assert f"\n  {name} " in ended.stdout


def test_help_imports_none_of_the_packages_that_are_there(sources: Path) -> None:
    """Each takes longer to import than all the rest together."""
    done = subprocess.run(
        [sys.executable, "-c", HELPS], cwd=sources, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("imported: []\n")


@pytest.mark.parametrize("version", NEW)
def test_bundle_needs_no_package_and_gives_equal_bytes(
    sources: Path, tmp_path: Path, version: str
) -> None:
    entry = str(CASES / "imports" / "entry.py")
    for python, flags in ((find_python(version), ["-S"]), (sys.executable, [])):
        out = tmp_path / f"{len(flags)}" / "out.py"
        words = [python, *flags, "build.py", "bundle", entry, "-o", str(out)]
        done = subprocess.run(words, cwd=sources, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "0" / "out.py").read_bytes() == (tmp_path / "1" / "out.py").read_bytes()
    out = str(tmp_path / "1" / "out.py")
    for words in (["check", out], ["unbundle", out, "-o", str(tmp_path / "found")]):
        done = call(sources, find_python(version), "build.py", *words)
        assert (done.returncode, done.stderr) == (0, "")
    for path in (CASES / "imports").rglob("*.py"):
        found = tmp_path / "found" / path.relative_to(CASES / "imports")
        assert found.read_bytes() == path.read_bytes()
    ran = call(tmp_path, sys.executable, str(tmp_path / "1" / "out.py"))
    assert ran.returncode == 0, ran.stderr


def test_doctor_says_what_it_cannot_ask(sources: Path) -> None:
    ended = call(sources, sys.executable, "build.py", "doctor")
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    places = {line.split()[1]: number for number, line in enumerate(lines) if line[:1] != " "}
    for name, words in (("client", "kaggle is not installed"), ("kaggle", "cannot be asked")):
        assert words in lines[places[name]]
        assert "make venv, then source .venv/bin/activate" in lines[places[name] + 1]
    assert "ada/" in lines[places["metadata"]]


def test_runs_lists_and_says_of_a_pending_push_that_it_cannot_ask(sources: Path) -> None:
    ended = call(sources, sys.executable, "build.py", "runs")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no push is recorded" in ended.stdout
    ledger = sources / "runs" / "ledger.jsonl"
    facts = {"recipe": "pixel", "overrides": [], "config": {}, "push_id": "a1"}
    append_event(ledger, "pushing", "ada/gan-challenge", 1, **facts)
    ended = call(sources, sys.executable, "build.py", "runs")
    ledger.unlink()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Kaggle cannot be asked" in ended.stdout
    assert "make venv" in ended.stdout
    assert "UNSETTLED" in ended.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["build"],
        ["run", "--input", "lib", "--output", "x"],
        ["decode", "--input", "lib", "--output", "x"],
        ["synth", "--output", "x"],
        ["audit", "--input", "lib"],
        ["score", "build.py", "--real", "build.py"],
        ["curate", "build.py", "--real", "build.py", "-o", "x.npy"],
        ["verify", "lib"],
        ["push"],
        ["sweep"],
        ["watch"],
        ["fetch"],
        ["submit", "-m", "first"],
    ],
    ids=lambda words: words[0],
)
def test_other_commands_say_how_packages_come(sources: Path, words: list[str]) -> None:
    ended = call(sources, sys.executable, "build.py", *words)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 2, ended.stderr
    assert f"{words[0]}: a package that it needs is not installed" in lines[0]
    assert "make venv, then source .venv/bin/activate" in lines[1]


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--input", "lib"]], ids=str)
def test_an_older_python_is_told_which_one_is_needed(
    sources: Path, version: str, words: list[str]
) -> None:
    ended = call(sources, find_python(version), "build.py", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert len(lines) == 2
    assert f"expected Python 3.11 or later, got {version}" in lines[0]
    assert "make venv" in lines[1]
