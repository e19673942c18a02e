"""Images -> one picture of them side by side, as an array or a PNG file."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lib.base import files

GROUND = 128  # mid-grey between the pictures


def make_grid(
    images: np.ndarray, columns: int = 8, scale: int = 2, gap: int = 2, ground: int = GROUND
) -> np.ndarray:
    """(N, C, H, W) uint8, C = 1 or 3 -> (height, width, 3) uint8, row by row on the ground."""
    count, channels, height, width = images.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    pixels = np.broadcast_to(images, (count, 3, height, width)) if channels == 1 else images
    pixels = pixels.repeat(scale, axis=2).repeat(scale, axis=3).transpose(0, 2, 3, 1)
    step_y, step_x = height * scale + gap, width * scale + gap
    grid = np.full((rows * step_y + gap, columns * step_x + gap, 3), ground, np.uint8)
    for number, picture in enumerate(pixels):
        top, left = gap + number // columns * step_y, gap + number % columns * step_x
        grid[top : top + height * scale, left : left + width * scale] = picture
    return grid


def encode_grid(
    images: np.ndarray, columns: int = 8, scale: int = 2, ground: int = GROUND
) -> bytes:
    """(N, C, H, W) uint8 -> a grid of them as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(make_grid(images, columns, scale, ground=ground)).save(buffer, format="PNG")
    return buffer.getvalue()


def write_grid(
    path: Path, images: np.ndarray, columns: int = 8, scale: int = 2, ground: int = GROUND
) -> None:
    """Write a grid of (N, C, H, W) uint8 images as a PNG file, atomically."""
    files.write_bytes(path, encode_grid(images, columns, scale, ground))
