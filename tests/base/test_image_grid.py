"""lib.base.image_grid: pictures row by row, on a ground, as an array and as a PNG file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.base.image_grid import make_grid, write_grid

pytestmark = pytest.mark.ships


def test_grid_places_pictures_row_by_row() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(2, 2).repeat(2, 3)
    grid = make_grid(images, columns=3, scale=1, gap=1)
    assert grid.shape == (7, 10, 3)
    assert grid[1:3, 1:9:3, 0].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert grid[4, 1:9:3, 2].tolist() == [3, 4, 128]
    assert (grid[0] == 128).all()


def test_grid_file_is_a_png_of_the_same_pixels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    write_grid(tmp_path / "grid.png", images, columns=2, scale=3, ground=96)
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)
    assert np.array_equal(pixels, make_grid(images, columns=2, scale=3, ground=96))
    assert pixels.shape == (2 * 98 + 2, 2 * 98 + 2, 3)
    assert np.array_equal(pixels[2:98:3, 100:196:3], images[1].transpose(1, 2, 0))
    assert (pixels[100:, 100:] == 96).all()  # where a fourth picture would be
