"""Pictures of one shape in a stack -> 32x32 pictures, by decode_record.py's own arithmetic."""

from functools import lru_cache

import numpy as np
from PIL import Image

from lib.kernel.configuration.challenge import IMAGE_PX

_FEW = 8  # channels of pictures; fewer are resized faster one by one


def drop_equal_channels(stack: np.ndarray) -> np.ndarray:
    """(N, 1 or 3, H, W) uint8 -> (N, 1, H, W) if all pictures are grey, else the same."""
    if stack.shape[1] == 3:
        red = stack[:, 0]
        if np.array_equal(red, stack[:, 1]) and np.array_equal(red, stack[:, 2]):
            return stack[:, :1]
    return stack


def turn(stack: np.ndarray, degrees: float) -> np.ndarray:
    """(..., H, W), 0, 90, 180 or 270 degrees -> a view that is turned clockwise by them."""
    if degrees == 0:
        return stack
    if degrees == 180:
        return stack[..., ::-1, ::-1]
    across = stack.swapaxes(-2, -1)
    return across[..., ::-1] if degrees == 90 else across[..., ::-1, :]


def find_boxes(alpha: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(N, H, W) uint8 -> N boxes (top, left, bottom, right), each around all values above 0.

    Where no value is above 0, the box is the whole picture.
    """
    count, height, width = alpha.shape
    boxes = np.empty((count, 4), dtype=np.int64)
    for column, axis, length in ((0, 2, height), (1, 1, width)):
        seen: np.ndarray = np.any(alpha, axis=axis)
        first, last = seen.argmax(axis=1), length - seen[:, ::-1].argmax(axis=1)
        boxes[:, column], boxes[:, column + 2] = first, last
    return [(top, left, bottom, right) for top, left, bottom, right in boxes.tolist()]


def lay_on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 colour c, uint8 alpha a -> uint8 colour on white: x / 255 with x = c a + 255 (255 - a).

    The division is that of Pillow's paste, which rounds: (t + t / 256) / 256 with t = x + 128. The
    sums stay below 65536, so 16 bits hold them.
    """
    wide = alpha.astype(np.uint16)
    total = colour * wide + 255 * (255 - wide) + np.uint16(128)
    return (((total >> 8) + total) >> 8).astype(np.uint8)


def resize_stack(parts: list[np.ndarray]) -> np.ndarray:
    """N pictures (C, H, W) uint8 of one shape -> (N, C, 32, 32) by Pillow's Lanczos.

    Pillow filters along one axis, rounds to 8 bits, then filters along the other. Pictures that are
    stacked below one another share the pass along rows. Pictures beside one another share the pass
    along columns. Neither pass mixes pictures, so two calls resize all of them.
    """
    channels, height, width = parts[0].shape
    stack = np.empty((len(parts), channels, height, width), np.uint8)
    for row, part in zip(stack, parts, strict=True):
        row[:] = part
    planes = stack.reshape(-1, height, width)
    if (height, width) != (IMAGE_PX, IMAGE_PX):
        if len(planes) < _FEW:
            planes = np.stack([_resize(plane, (IMAGE_PX, IMAGE_PX)) for plane in planes])
        else:
            planes = _resize_passes(planes, _are_rows_first(height, width))
    return planes.reshape(-1, channels, IMAGE_PX, IMAGE_PX)


@lru_cache(maxsize=4096)
def _are_rows_first(height: int, width: int) -> bool:
    """A shape -> whether Pillow filters along rows first.

    That depends on the shape and on Pillow's version, so it is tried out.
    """
    probe = np.random.default_rng(0).integers(0, 256, (1, height, width), dtype=np.uint8)
    whole = _resize(probe[0], (IMAGE_PX, IMAGE_PX))
    rows_first = np.array_equal(_resize_passes(probe, True)[0], whole)
    assert rows_first or np.array_equal(_resize_passes(probe, False)[0], whole), (
        "Pillow resizes in two passes"
    )
    return rows_first


def _resize_passes(planes: np.ndarray, rows_first: bool) -> np.ndarray:
    """(N, H, W) uint8 -> (N, 32, 32), in the order given."""
    if rows_first:
        return _resize_columns(_resize_rows(planes))
    return _resize_rows(_resize_columns(planes))


def _resize_rows(planes: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 -> (N, H, 32)."""
    count, height, width = planes.shape
    below = _resize(planes.reshape(-1, width), (IMAGE_PX, count * height))
    return below.reshape(count, height, IMAGE_PX)


def _resize_columns(planes: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 -> (N, 32, W)."""
    count, height, width = planes.shape
    beside = planes.transpose(1, 0, 2).reshape(height, -1)
    resized = _resize(beside, (count * width, IMAGE_PX))
    return resized.reshape(IMAGE_PX, count, width).transpose(1, 0, 2)


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))
