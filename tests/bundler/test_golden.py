"""The bundles of a small case are the tracked files, byte for byte, on any machine and Python."""

import difflib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundler.renew_golden import CASES, GOLDEN, SMALL, bundle_small
from tests.interpreters import find_python

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 60  # lines of a difference
BY_ANOTHER_PYTHON = """
import sys
from tests.bundler.renew_golden import SMALL, bundle_small
sys.stdout.buffer.write(bundle_small(SMALL, sys.argv[1]).encode())
"""


def demand_golden(name: str, made: bytes) -> None:
    """Fail with the lines that differ from a tracked bundle, if any do."""
    golden = (CASES / name).read_bytes()
    if made == golden:
        return
    texts = [part.decode().splitlines() for part in (golden, made)]
    lines = list(difflib.unified_diff(*texts, name, "made now", lineterm="", n=1))
    shown = lines[:SHOWN] + ([f"... and {len(lines) - SHOWN} lines more"] * (len(lines) > SHOWN))
    cure = "where that is meant: python -m tests.bundler.renew_golden, and look at git diff"
    pytest.fail("\n".join([*(shown or ["line ends differ"]), cure]), pytrace=False)


@pytest.mark.parametrize("name", GOLDEN)
def test_bundle_is_the_golden_file(name: str) -> None:
    demand_golden(name, bundle_small(SMALL, name).encode())


@pytest.mark.parametrize("name", GOLDEN)
def test_bundle_of_a_copy_elsewhere_is_the_same(name: str, tmp_path: Path) -> None:
    """No path gets in, nor anything of git."""
    ignored = shutil.ignore_patterns("__pycache__")
    copy = shutil.copytree(SMALL, tmp_path / "a folder of another name", ignore=ignored)
    demand_golden(name, bundle_small(copy, name).encode())


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("name", GOLDEN)
def test_another_python_makes_the_same_bundle(name: str, version: str) -> None:
    words = [find_python(version), "-S", "-B", "-c", BY_ANOTHER_PYTHON, name]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    demand_golden(name, done.stdout)


def test_golden_bundle_runs_alone(tmp_path: Path) -> None:
    shutil.copyfile(CASES / "small_with_note.bundle.txt", tmp_path / "entry.py")
    done = subprocess.run(
        [sys.executable, "-I", "entry.py"],
        cwd=tmp_path,
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    note = (SMALL / "note.txt").read_text(encoding="utf-8")
    shown = f"an area of 12.5664\nan area of 9\n{note}"
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


def test_a_difference_is_shown_line_by_line_with_its_cure() -> None:
    name = next(iter(GOLDEN))
    changed = (CASES / name).read_bytes().replace(b"CONFIG = {}", b"CONFIG = {1: 2}")
    with pytest.raises(pytest.fail.Exception) as caught:
        demand_golden(name, changed)
    told = str(caught.value).splitlines()
    assert "-CONFIG = {}" in told
    assert "+CONFIG = {1: 2}" in told
    assert "python -m tests.bundler.renew_golden" in told[-1]
