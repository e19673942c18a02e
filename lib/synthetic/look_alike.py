"""A seed -> pictures that look like the competition's: boxes, inverse boxes, dots, soft dots."""

import numpy as np
from PIL import Image

from lib.base.seeds import derive_seed
from lib.kernel.configuration.challenge import IMAGE_PX

_SHARES = (0.45, 0.10, 0.39, 0.06)  # boxes, inverse boxes, dots in a box, soft dots everywhere
_BOX, _INVERSE, _DOTS, _SOFT = range(4)
_SIDES = (26, 30)  # px, both ends included, around the 28 that are seen
_JITTER = 2  # px off the centre, either way
_DENSITY = (0.04, 0.24)
_SOFT_SIDES = (14, 22)  # px of the smaller pictures that were enlarged


def look_alike(count: int, seed: int) -> np.ndarray:
    """(pictures, seed) -> (N, 32, 32) uint8 in the proportions and look of the first records."""
    draw = np.random.default_rng(derive_seed(seed, "look-alike"))
    kinds = draw.choice(len(_SHARES), size=count, p=_SHARES)
    pictures = np.where(_draw_boxes(count, draw), 255, 0).astype(np.uint8)
    dots = kinds == _DOTS
    density = draw.uniform(*_DENSITY, size=(int(dots.sum()), 1, 1))
    pictures[dots] *= draw.random((len(density), IMAGE_PX, IMAGE_PX), dtype=np.float32) < density
    inverse = kinds == _INVERSE
    pictures[inverse] = 255 - pictures[inverse]
    for place in np.flatnonzero(kinds == _SOFT):
        pictures[place] = _draw_soft_dots(draw)
    return pictures


def _draw_boxes(count: int, draw: np.random.Generator) -> np.ndarray:
    """(N, 32, 32) bool: True inside a box whose size and place vary by a few pixels."""
    inside = []
    for _ in range(2):
        side = draw.integers(_SIDES[0], _SIDES[1] + 1, size=count)
        start = (IMAGE_PX - side) // 2 + draw.integers(-_JITTER, _JITTER + 1, size=count)
        start = np.clip(start, 0, IMAGE_PX - side)[:, None]
        place = np.arange(IMAGE_PX)
        inside.append((place >= start) & (place < start + side[:, None]))
    return inside[0][:, :, None] & inside[1][:, None, :]


def _draw_soft_dots(draw: np.random.Generator) -> np.ndarray:
    """(32, 32) uint8: a smaller picture of dots, enlarged as the decoder enlarges."""
    side = int(draw.integers(_SOFT_SIDES[0], _SOFT_SIDES[1] + 1))
    dots = draw.random((side, side)) < draw.uniform(*_DENSITY)
    small = Image.fromarray(np.where(dots, 255, 0).astype(np.uint8))
    return np.asarray(small.resize((IMAGE_PX, IMAGE_PX), Image.Resampling.LANCZOS))
