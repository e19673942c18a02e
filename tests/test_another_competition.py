"""docs/ANOTHER_COMPETITION.md: its commands are typed and its code is written, in a copy."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local_runs import ROOT, copy_sources

TEXT = (ROOT / "docs" / "ANOTHER_COMPETITION.md").read_text(encoding="utf-8")


def find_blocks(heading: str, language: str) -> list[str]:
    """A section's heading -> its code blocks of one language."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert found, f"{heading}: no {language}"
    return found


def type_block(block: str, folder: Path, *more: str) -> str:
    """Type a block's commands, each `run` with more words behind it; return what they print."""
    said = ""
    for line in block.replace("\\\n", "").splitlines():
        words = shlex.split(line)
        if words[0] == "cd":
            folder = folder / words[1]
            continue
        assert words[0] == "python", line
        words = [sys.executable, *words[1:], *(more if words[1:3] == ["build.py", "run"] else ())]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said += done.stdout
    return said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_sources(tmp_path / "tree")


@pytest.mark.slow
def test_anything_else(tree: Path) -> None:
    (block,) = find_blocks("Anything else", "sh")
    said = type_block(block, tree)
    assert said.count("submission.csv: 40 rows of id,target") == 2
    assert "2 passed" in said
