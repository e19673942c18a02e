"""A PNG of another depth than 8 bits -> what Pillow leaves out of it: its key, its lower bytes.

The key is the one colour that a tRNS chunk makes transparent. Pillow scales pixels to 8 bits, or
cuts them, and gives the key as the file has it.
"""

import io

import numpy as np
from PIL import Image

_DEPTH, _COLOUR_TYPE = 24, 25  # bytes of a PNG
_WIDE_RGB = b"\x10\x02"  # 16 bits, no alpha


def mend_key(image: Image.Image, data: bytes) -> Image.Image:
    """(a loaded PNG that has a key, its file) -> the image with the key at its pixels' depth."""
    key, depth = image.info["transparency"], data[_DEPTH]
    if image.mode == "RGB" and data[_DEPTH : _COLOUR_TYPE + 1] == _WIDE_RGB:
        high, low = (np.asarray(part).astype(np.uint16) for part in (image, read_low_bytes(data)))
        seen = ((high << 8 | low) != np.array(key, np.uint16)).any(axis=2)
        del image.info["transparency"]
        image.putalpha(Image.fromarray(np.where(seen, 255, 0).astype(np.uint8)))
    elif image.mode == "1":  # whose key Pillow 11 overlooks
        del image.info["transparency"]
        image = image.convert("L")
        image.info["transparency"] = 255 if key else 0
    elif image.mode == "RGB":
        image.info["transparency"] = tuple(value & 255 for value in key)
    elif image.mode == "L" and isinstance(key, int):
        highest = (1 << depth) - 1
        image.info["transparency"] = (key & highest) * (255 // highest)
    return image


def read_low_bytes(data: bytes) -> Image.Image:
    """A PNG with 16 bits a channel, RGB or RGBA -> the lower 8 bits of each, as RGB or RGBA."""
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    how, box, offset, raw_mode = image.tile[0]
    assert isinstance(raw_mode, str)
    image.tile = [(how, box, offset, raw_mode.replace(";16B", ";16L"))]  # type: ignore[list-item]
    image.load()
    return image
