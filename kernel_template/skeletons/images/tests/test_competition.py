"""my-competition: what it reads, and a whole run of the built kernel."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kernel_template.skeletons.images.competition import competition
from lib.base.errors import InputError
from tests.local_runs import RECIPES, ROOT, call

NAME = "my-competition"
COUNT, SIDE = 30, 28


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An input as Kaggle would show it: two tables, of which one holds the pictures."""
    folder = tmp_path / "input" / NAME
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE * SIDE))
    header = ",".join(["label", *(f"pixel{place}" for place in range(SIDE * SIDE))])
    rows = np.column_stack([np.arange(COUNT), pixels])
    np.savetxt(folder / "train.csv", rows, "%d", ",", header=header, comments="")
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    return tmp_path / "input"


def test_every_picture_is_read(source: Path) -> None:
    names, images, _ = competition.load_squares(source, SIDE)
    assert names[:2] == [f"{NAME}/train.csv#{number}" for number in range(2)]
    assert (images.shape, images.dtype) == ((COUNT, 3, SIDE, SIDE), np.uint8)
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE))
    assert (images == pixels[:, None]).all()
    assert competition.load_squares(source, 16, most=5).images.shape == (5, 3, 16, 16)


def test_another_byte_is_another_input(source: Path) -> None:
    before = competition.hash_input(source)
    with (source / NAME / "train.csv").open("a") as file:
        file.write("\n")
    assert competition.hash_input(source) != before


def test_an_input_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{NAME} found too few"):
        competition.load_squares(tmp_path, SIDE)


def test_a_run_submits_pictures(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    small = ["samples=12", "floor_draws=2", "image_px=32", *RECIPES["r3gan"]]
    words = ["--competition", NAME, "--recipe", "r3gan", "--weights", "random"]
    words += [word for text in small for word in ("--set", text)]
    ended = call(ROOT, "build.py", "run", "--input", str(source), "--output", str(output), *words)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with zipfile.ZipFile(output / "images.zip") as archive:
        assert archive.namelist() == [f"{number:05}.png" for number in range(12)]
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["kept"], metrics["grey"]) == (COUNT, True)
