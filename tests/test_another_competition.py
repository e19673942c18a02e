"""docs/ANOTHER_COMPETITION.md: its commands are typed and its code is written, in a copy."""

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lib.synthetic.look_alike import look_alike
from tests.local_runs import ROOT, call, copy_sources

TEXT = (ROOT / "docs" / "ANOTHER_COMPETITION.md").read_text(encoding="utf-8")

CATS, DOGS = 20, 10
SMALLER = ["--set", "width=8", "--set", "batch=4", "--set", "fid_loss=0", "--set", "floor_draws=2"]


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
        done = call(folder, *words[1:], *(more if words[1:3] == ["build.py", "run"] else ()))
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said += done.stdout
    return said


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources and tests, with a folder of pictures."""
    tree = copy_sources(tmp_path_factory.mktemp("copy") / "tree")
    left_out = shutil.ignore_patterns("__pycache__", "bundles")
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / "pictures").mkdir()
    for number, picture in enumerate(look_alike(CATS + DOGS, seed=3)):
        name = f"{'cat' if number < CATS else 'dog'}.{number}.png"
        Image.fromarray(picture).save(tree / "pictures" / name)
    return tree


def read_metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
def test_pictures_without_any_code(tree: Path) -> None:
    run, build = find_blocks("Pictures, without any code", "sh")
    type_block(run, tree, *SMALLER)
    metrics = read_metrics(tree / "build" / "first")
    assert (metrics["kept"], metrics["steps"]) == (CATS + DOGS, 20)
    with zipfile.ZipFile(tree / "build" / "first" / "images.zip") as archive:
        assert len(archive.namelist()) == 100
    assert (tree / "build" / "first" / "features.npy").exists()
    assert "build/kernel.py: " in type_block(build, tree)


@pytest.mark.slow
def test_pictures_of_another_form(tree: Path) -> None:
    begin, run = find_blocks("Pictures of another form", "sh")
    assert "4 passed" in type_block(begin, tree)
    path = tree / "lib" / "kernel" / "competition" / "cats_only" / "competition.py"
    assert f"`{path.relative_to(tree).as_posix()}`" in TEXT
    whole = path.read_text(encoding="utf-8")
    (block,) = find_blocks("Pictures of another form", "python")
    replaced = re.sub(
        r"^def read_pictures.*?(?=^\S)", lambda _: block + "\n\n", whole, count=1, flags=re.M | re.S
    )
    assert replaced != whole
    path.write_text(replaced, encoding="utf-8")
    assert "build/kernel.py: " in type_block(run, tree, *SMALLER)
    assert read_metrics(tree / "build" / "cats")["kept"] == CATS


@pytest.mark.slow
def test_anything_else(tree: Path) -> None:
    (block,) = find_blocks("Anything else", "sh")
    said = type_block(block, tree)
    assert said.count("submission.csv: 40 rows of id,target") == 2
    assert "2 passed" in said
