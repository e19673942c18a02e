"""A picture -> the image file, mask, rotation and inversion with which a record stores it."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

_MARGINS = (4, 8)  # px of noise to cut off, both sides together, around a picture with a mask
_INVERTED_SHARE = 0.3
_DEEP_SHARE = 0.6  # of the pictures that 16-bit grey gives back unchanged, those in I;16
_WINDOW_SHARE = 0.3  # of RGBA pictures, those that are a window in a larger one
_SEPARATE_SHARE = 0.5  # of windows, those whose mask is in alpha_b64, not in the picture


@dataclass(frozen=True)
class Stored:
    """What a record stores of one picture; a decoder does the inverse."""

    mode: str  # "I;16" or "RGBA"
    size: tuple[int, int]  # width, height of the stored picture, px
    degrees: int  # clockwise, by which the decoder turns it
    invert: bool
    image: bytes  # PNG
    mask: bytes | None  # PNG, in the frame of the stored picture

    @property
    def image_base64(self) -> str:
        """The image file in base64, as a record holds it."""
        return base64.b64encode(self.image).decode("ascii")

    @property
    def mask_base64(self) -> str | None:
        """The mask in base64, as a record holds it; None without a mask."""
        return None if self.mask is None else base64.b64encode(self.mask).decode("ascii")


def store_picture(picture: np.ndarray, draw: np.random.Generator) -> Stored:
    """(32, 32) uint8 -> a Stored that policy official decodes to the same picture, bit for bit.

    A decoder stretches 16-bit grey to the full range. So only pictures that fill the range, or are
    constant, can be stored in 16 bits.
    """
    turns = int(draw.integers(4))
    invert = bool(draw.random() < _INVERTED_SHARE)
    turned = np.rot90(picture, turns)  # counter-clockwise; the decoder turns it clockwise
    content = 255 - turned if invert else turned
    low, high = int(content.min()), int(content.max())
    survives = (low, high) == (0, 255) or low == high
    if survives and draw.random() < _DEEP_SHARE:
        deep = Image.fromarray(content.astype(np.uint16) * 257)
        return Stored("I;16", deep.size, 90 * turns, invert, encode_png(deep), None)
    alpha = np.full(content.shape, 255, np.uint8)
    mask = None
    if draw.random() < _WINDOW_SHARE:
        content, alpha = _put_into_window(content, draw)
        if draw.random() < _SEPARATE_SHARE:
            mask = encode_png(Image.fromarray(alpha))
            alpha = draw.integers(0, 256, size=alpha.shape, dtype=np.uint8)  # the mask replaces it
    image = Image.fromarray(np.dstack([content] * 3 + [alpha]))
    return Stored("RGBA", image.size, 90 * turns, invert, encode_png(image), mask)


def encode_png(image: Image.Image) -> bytes:
    """A picture -> a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _put_into_window(
    content: np.ndarray, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(32, 32) uint8 -> a larger picture with noise around it, and the alpha that hides noise."""
    margin = int(draw.choice(_MARGINS))
    top, left = draw.integers(0, margin + 1, size=2).tolist()
    around = ((top, margin - top), (left, margin - left))
    alpha = np.pad(np.full(content.shape, 255, np.uint8), around)
    noise = draw.integers(0, 256, size=alpha.shape, dtype=np.uint8)
    framed = np.pad(content, around)
    return np.where(alpha > 0, framed, noise), alpha
