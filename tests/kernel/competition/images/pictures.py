"""Small picture files for the tests of this folder."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """A shape -> random uint8 of it."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encode(image: Image.Image | np.ndarray, form: str = "PNG", **how: Any) -> bytes:
    """A picture -> the bytes of a file of it."""
    content = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(content, form, **how)
    return content.getvalue()


def write_folder(folder: Path, count: int, side: int = 40) -> Path:
    """Write random PNGs of about that size, in colour; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        content = encode(draw(side + number % 5, side, 3, seed=number))
        (folder / f"{number:03d}.png").write_bytes(content)
    return folder
