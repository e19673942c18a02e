"""competition.images.idx: MNIST's format, packed or not, whole or cut short."""

import gzip
import struct

import numpy as np
import pytest

from lib.kernel.competition.images.idx import read_idx
from lib.kernel.competition.images.input_files import UnreadableError

pytestmark = pytest.mark.ships

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
WHOLE = struct.pack(">4B3I", 0, 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes()


@pytest.mark.parametrize("content", [WHOLE, gzip.compress(WHOLE)])
def test_pictures_are_read(content: bytes) -> None:
    found = read_idx(content)
    assert found
    assert np.array_equal(found.pixels, PIXELS)
    assert found.missing == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WHOLE[:-21], "the idx file ends early"),
        (gzip.compress(WHOLE)[:-30], "the compressed data end early"),
    ],
)
def test_of_a_file_cut_short_the_whole_pictures_are_kept(content: bytes, why: str) -> None:
    found = read_idx(content)
    assert found
    assert 0 < len(found.pixels) < len(PIXELS)
    assert np.array_equal(found.pixels, PIXELS[: len(found.pixels)])
    assert (found.missing, found.why) == (len(PIXELS) - len(found.pixels), why)


def test_labels_are_no_pictures() -> None:
    assert read_idx(struct.pack(">4BI", 0, 0, 8, 1, 3) + b"abc") is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no idx file"),
        (b"PK\x03\x04....", "no idx file"),
        (struct.pack(">4B3I", 0, 0, 13, 3, 1, 2, 2) + bytes(16), "other than unsigned bytes"),
        (struct.pack(">4B4I", 0, 0, 8, 4, 1, 2, 2, 3) + bytes(12), "4 axes"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 1, 0, 2), "0 x 2 px"),
        (WHOLE[:10], "other than"),
        (b"\x1f\x8bnothing", "the compressed data are damaged"),
    ],
)
def test_other_files_have_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read_idx(content)
