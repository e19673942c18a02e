"""competition.pixel_file: a .npy file that numpy reads, written block by block and verified."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lib.base.files import replacing
from lib.kernel.competition.pixel_file import PixelWriter, is_as_written, load_pixels

pytestmark = pytest.mark.ships
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("side", [8, 32, 64])
def test_blocks_of_grey_and_colour_become_one_array(tmp_path: Path, side: int) -> None:
    grey = RANDOM.integers(0, 256, (300, 1, side, side), dtype=np.uint8)
    colour = RANDOM.integers(0, 256, (5, 3, side, side), dtype=np.uint8)
    path = tmp_path / "x.npy"
    with replacing(path) as file:
        writer = PixelWriter(file, side)
        for block in (grey, colour, colour[:0]):
            writer.add(block)
        digest = writer.finish()
    whole = np.concatenate([grey.repeat(3, axis=1), colour])
    assert np.array_equal(load_pixels(path), whole)
    assert np.array_equal(np.load(path), whole)
    assert digest == hashlib.sha256(whole.tobytes()).hexdigest()
    assert is_as_written(path, 305, digest)
    assert not is_as_written(path, 304, digest)
    assert not is_as_written(path, 305, "0" * 64)
    assert not is_as_written(tmp_path / "absent", 305, digest)
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_as_written(path, 305, digest)
