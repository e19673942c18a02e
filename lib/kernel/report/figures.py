"""Images -> a grid of the first of them for the report, as PNG bytes."""

import numpy as np

from lib.base.image_grid import encode_grid

GRID, _COLUMNS = 40, 4  # images; two grids of four columns fit side by side
_SHOWN_PX = 128  # side at most to which an image is enlarged


def encode_figure(images: np.ndarray) -> bytes:
    """(N, C, S, S) uint8 -> the first 40 of them as a PNG; small pictures are enlarged."""
    scale = max(1, _SHOWN_PX // images.shape[-1])
    return encode_grid(images[:GRID], columns=_COLUMNS, scale=scale)
