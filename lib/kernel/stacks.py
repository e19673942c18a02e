"""Pictures of one shape in a stack -> 32x32 pictures, by images.py's arithmetic to the bit."""

import numpy as np
from PIL import Image

from lib.kernel.images import SIZE


def drop_equal_channels(stack: np.ndarray) -> np.ndarray:
    """(N, 1 or 3, H, W) uint8 -> (N, 1, H, W) if all pictures are grey, else the same."""
    if stack.shape[1] == 3:
        red = stack[:, 0]
        if np.array_equal(red, stack[:, 1]) and np.array_equal(red, stack[:, 2]):
            return stack[:, :1]
    return stack


def turn(stack: np.ndarray, degrees: float) -> np.ndarray:
    """(..., H, W) turned clockwise by 0, 90, 180 or 270 degrees; a view."""
    if degrees == 0:
        return stack
    if degrees == 180:
        return stack[..., ::-1, ::-1]
    across = stack.swapaxes(-2, -1)
    return across[..., ::-1] if degrees == 90 else across[..., ::-1, :]


def find_boxes(alpha: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(N, H, W) uint8 -> top, left, bottom, right around all above 0; the whole if none is."""
    count, height, width = alpha.shape
    boxes = np.empty((count, 4), dtype=np.int64)
    for column, axis, length in ((0, 2, height), (1, 1, width)):
        seen: np.ndarray = np.any(alpha, axis=axis)
        first, last = seen.argmax(axis=1), length - seen[:, ::-1].argmax(axis=1)
        boxes[:, column], boxes[:, column + 2] = first, last
    return [(top, left, bottom, right) for top, left, bottom, right in boxes.tolist()]


def lay_on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 colour over white by uint8 alpha: x = c a + 255 (255 - a), over 255 and rounded.

    Pillow's paste divides with (t + t / 256) / 256, t = x + 128; the sums stay below 65536.
    """
    wide = alpha.astype(np.uint16)
    total = colour * wide + 255 * (255 - wide) + np.uint16(128)
    return (((total >> 8) + total) >> 8).astype(np.uint8)


def resize_stack(parts: list[np.ndarray]) -> np.ndarray:
    """N pictures (C, H, W) uint8 -> (N, C, 32, 32) by Pillow's Lanczos, all of them in two calls.

    Pillow filters rows first, then columns, with 8-bit values between. Below one another the
    pictures share the first pass, beside one another the second; neither mixes pictures.
    """
    channels, height, width = parts[0].shape
    stack = np.empty((len(parts), channels, height, width), np.uint8)
    for row, part in zip(stack, parts, strict=True):
        row[:] = part
    planes = stack.reshape(-1, height, width)
    if width != SIZE:
        planes = _resize(planes.reshape(-1, width), (SIZE, len(planes) * height))
        planes = planes.reshape(-1, height, SIZE)
    if height != SIZE:
        beside = planes.transpose(1, 0, 2).reshape(height, -1)
        planes = _resize(beside, (beside.shape[1], SIZE))
        planes = planes.reshape(SIZE, -1, SIZE).transpose(1, 0, 2)
    return planes.reshape(-1, channels, SIZE, SIZE)


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))
