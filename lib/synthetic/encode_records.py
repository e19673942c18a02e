"""A picture -> the image file, mask, rotation and inversion that a record holds in its stead."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

_MARGINS = (4, 8)  # px of transparent rubbish, both sides together, around a picture with a mask
_INVERTED_SHARE = 0.3
_DEEP_SHARE = 0.6  # I;16 among those pictures that 16-bit grey gives back unchanged
_WINDOW_SHARE = 0.3  # RGBA pictures that are only a window in a larger one
_SEPARATE_SHARE = 0.5  # windows whose mask lies in alpha_b64 instead of in the picture


@dataclass(frozen=True)
class Stored:
    """What a record says of one picture, the inverse of what a decoder then does."""

    mode: str  # "I;16" or "RGBA"
    size: tuple[int, int]  # width, height of the stored picture, px
    degrees: int  # to be turned clockwise by the decoder
    invert: bool
    image: bytes  # PNG
    mask: bytes | None  # PNG, in the frame of the stored picture

    @property
    def image_base64(self) -> str:
        """The image file as a record holds it."""
        return base64.b64encode(self.image).decode("ascii")

    @property
    def mask_base64(self) -> str | None:
        """The mask as a record holds it."""
        return None if self.mask is None else base64.b64encode(self.mask).decode("ascii")


def store_picture(picture: np.ndarray, draw: np.random.Generator) -> Stored:
    """(32, 32) uint8 -> a Stored that decodes, by policy host, to the same picture bit for bit.

    16-bit grey is stretched to the full range, so only pictures that fill it, or are constant, can
    be stored that way.
    """
    turns = int(draw.integers(4))
    invert = bool(draw.random() < _INVERTED_SHARE)
    turned = np.rot90(picture, turns)  # counter-clockwise, against the decoder's clockwise
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
    """(32, 32) uint8 -> a larger picture of noise around it, and the alpha that shows it alone."""
    margin = int(draw.choice(_MARGINS))
    top, left = draw.integers(0, margin + 1, size=2).tolist()
    around = ((top, margin - top), (left, margin - left))
    alpha = np.pad(np.full(content.shape, 255, np.uint8), around)
    noise = draw.integers(0, 256, size=alpha.shape, dtype=np.uint8)
    framed = np.pad(content, around)
    return np.where(alpha > 0, framed, noise), alpha
