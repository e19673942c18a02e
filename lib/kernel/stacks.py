"""Pictures of one shape in a stack -> 32x32 pictures, by images.py's arithmetic to the bit."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from lib.kernel.images import SIZE
from lib.kernel.policies import Policy


def drop_equal_channels(stack: np.ndarray) -> np.ndarray:
    """(N, 1 or 3, H, W) uint8 -> (N, 1, H, W) if all pictures are grey, else the same."""
    if stack.shape[1] == 3:
        red = stack[:, 0]
        if np.array_equal(red, stack[:, 1]) and np.array_equal(red, stack[:, 2]):
            return stack[:, :1]
    return stack


def turn(stack: np.ndarray, degrees: float) -> np.ndarray:
    """(N, C, H, W) turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.rot90(stack, -int(degrees) // 90, axes=(-2, -1)) if degrees else stack


def crop_and_composite(
    colour: np.ndarray, alpha: np.ndarray, policy: Policy
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """((N, C, H, W) uint8, (N, H, W) uint8) -> (which of the N, their (M, C, h, w)) per shape."""
    if policy.alpha != "crop-drop":
        colour = lay_on_white(colour, alpha[:, None])
    everything = np.arange(len(colour))
    if policy.alpha == "composite":
        yield everything, colour
        return
    boxes = find_boxes(alpha)
    shapes = boxes[:, 2:] - boxes[:, :2]
    for height, width in np.unique(shapes, axis=0):
        members = everything[(shapes == (height, width)).all(axis=1)]
        parts = [
            colour[i, :, top:bottom, left:right]
            for i, (top, left, bottom, right) in zip(members, boxes[members].tolist(), strict=True)
        ]
        yield members, np.stack(parts)


def find_boxes(alpha: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 -> (N, 4): top, left, bottom, right around all above 0; all if none is."""
    count, height, width = alpha.shape
    boxes = np.empty((count, 4), dtype=np.int64)
    for column, axis, length in ((0, 2, height), (1, 1, width)):
        seen: np.ndarray = np.any(alpha, axis=axis)
        first, last = seen.argmax(axis=1), length - seen[:, ::-1].argmax(axis=1)
        boxes[:, column], boxes[:, column + 2] = first, last
    return boxes


def lay_on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """uint8 colour over white by uint8 alpha: x = c a + 255 (255 - a), over 255 and rounded.

    Pillow's paste divides with (t + t / 256) / 256, t = x + 128; the sums stay below 65536.
    """
    wide = alpha.astype(np.uint16)
    total = colour * wide + 255 * (255 - wide) + np.uint16(128)
    return (((total >> 8) + total) >> 8).astype(np.uint8)


def resize_stack(stack: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> (N, C, 32, 32) by Pillow's Lanczos, all pictures in two calls.

    Pillow filters rows first, then columns, with 8-bit values between. Below one another the
    pictures share the first pass, beside one another the second; neither mixes pictures.
    """
    count, channels, height, width = stack.shape
    planes = stack.reshape(-1, height, width)
    if width != SIZE:
        planes = _resize(planes.reshape(-1, width), (SIZE, len(planes) * height))
        planes = planes.reshape(-1, height, SIZE)
    if height != SIZE:
        beside = planes.transpose(1, 0, 2).reshape(height, -1)
        planes = _resize(beside, (beside.shape[1], SIZE))
        planes = planes.reshape(SIZE, -1, SIZE).transpose(1, 0, 2)
    return planes.reshape(count, channels, SIZE, SIZE)


def _resize(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))
