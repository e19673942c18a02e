"""competition.images.submission: images.zip and features.npy belong together, or are refused."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import PipelineError
from lib.kernel.competition.contract import Remarks
from lib.kernel.competition.image_zip import read_zip
from lib.kernel.competition.images.submission import verify_files, write_files
from lib.kernel.configuration.config import Config
from tests.kernel.competition.images.pictures import draw

pytestmark = pytest.mark.ships

COUNT, SIDE = 12, 64
CONFIG = Config(image_px=SIDE, image_name="a b-{:03d}.png", samples=COUNT)
REMARKS = Remarks("pixel", 3, "a fake", image_name=CONFIG.image_name)
IMAGES = draw(COUNT, 3, SIDE, SIDE)


def extract(images: np.ndarray) -> np.ndarray:
    """(N, 3, S, S) uint8 -> (N, 2048) float32: some of the pixels, for speed."""
    return images.reshape(len(images), -1)[:, :2048].astype(np.float32)


def test_the_zip_holds_the_pictures_by_their_pattern(tmp_path: Path) -> None:
    write_files(tmp_path, IMAGES, extract(IMAGES), REMARKS)
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        names = archive.namelist()
    assert names == [f"a b-{index:03d}.png" for index in range(COUNT)]
    assert np.array_equal(read_zip(tmp_path / "images.zip", CONFIG.image_name.format), IMAGES)
    features = np.load(tmp_path / "features.npy")
    assert features.dtype == np.float32
    assert np.array_equal(features, extract(IMAGES))
    assert "a b-000.png to a b-011.png" in (tmp_path / "submission.txt").read_text()
    assert verify_files(tmp_path, CONFIG, rows=5, extract=extract) == 0.0


def test_equal_images_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(tmp_path / name, IMAGES, extract(IMAGES), REMARKS)
    for name in ("images.zip", "features.npy"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_numbers_without_zeros_keep_their_order(tmp_path: Path) -> None:
    remarks = dataclasses.replace(REMARKS, image_name="{}.png")
    config = dataclasses.replace(CONFIG, image_name="{}.png")
    write_files(tmp_path, IMAGES, extract(IMAGES), remarks)
    assert verify_files(tmp_path, config, rows=COUNT, extract=extract) == 0.0


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (dataclasses.replace(CONFIG, samples=COUNT + 1), "another number or size"),
        (dataclasses.replace(CONFIG, image_px=32), "another number or size"),
        (dataclasses.replace(CONFIG, image_name="{}.png"), "names its images otherwise"),
    ],
)
def test_another_number_size_or_name_is_refused(tmp_path: Path, config: Config, what: str) -> None:
    write_files(tmp_path, IMAGES, extract(IMAGES), REMARKS)
    with pytest.raises(PipelineError, match=what):
        verify_files(tmp_path, config, rows=5, extract=extract)


def test_features_of_other_images_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, IMAGES, extract(np.roll(IMAGES, 1, axis=0)), REMARKS)
    with pytest.raises(PipelineError, match="differ from those of its image"):
        verify_files(tmp_path, CONFIG, rows=COUNT, extract=extract)
    broken = extract(IMAGES)
    broken[3, 3] = np.nan
    with pytest.raises(PipelineError, match="not finite"):
        write_files(tmp_path, IMAGES, broken, REMARKS)
