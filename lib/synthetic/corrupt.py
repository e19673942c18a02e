"""A sound record -> a line damaged as in the competition, and the reason for its rejection."""

import base64
import json
from typing import Any

import numpy as np
from PIL import Image

from lib.kernel.competition.gan_challenge.records import (
    BROKEN_JSON,
    INVALID_BASE64,
    NO_IMAGE,
    NOT_AN_OBJECT,
)
from lib.kernel.competition.image_files import NOT_AN_IMAGE, TRUNCATED
from lib.synthetic.encode_records import encode_png

CHAOS = (
    "missing key",
    "empty key",
    "foreign characters",
    "base64 cut short",
    "image cut short",
    "image cut to nothing",
    "no image at all",
    "line cut short",
    "line of another kind",
)
_PIXELS_AT = 41  # bytes in front of a PNG's compressed pixels
_FLAWS = ("no padding", "white space", "missing fields", "broken mask")


def spoil(
    kind: str, fields: dict[str, Any], image: bytes, draw: np.random.Generator
) -> tuple[str, str]:
    """(one of CHAOS, a record, its image file) -> (the damaged line, why a decoder rejects it)."""
    key = next(name for name in fields if name.startswith("img"))
    pixels_end = _PIXELS_AT + int.from_bytes(image[33:37])
    middle = int(draw.integers(_PIXELS_AT + 2, (_PIXELS_AT + pixels_end) // 2))
    spoilt = dict(fields)
    if kind == "missing key":
        del spoilt[key]
        return json.dumps(spoilt), NO_IMAGE
    if kind == "line cut short":
        line = json.dumps(fields)
        return line[: int(draw.integers(1, len(line)))], BROKEN_JSON
    if kind == "line of another kind":
        return json.dumps([fields["id"], fields[key]]), NOT_AN_OBJECT
    if kind == "empty key":
        spoilt[key], reason = None, NO_IMAGE
    elif kind == "foreign characters":
        text = fields[key]
        spoilt[key], reason = f"{text[:middle]}\u00e9{text[middle:]}", INVALID_BASE64
    elif kind == "base64 cut short":
        spoilt[key], reason = fields[key][: middle // 4 * 4 + 1], INVALID_BASE64
    elif kind == "image cut short":
        spoilt[key], reason = _as_text(image[:middle]), TRUNCATED
    elif kind == "image cut to nothing":
        spoilt[key], reason = _as_text(image[: int(draw.integers(8, 33))]), TRUNCATED
    else:
        spoilt[key], reason = _as_text(draw.bytes(64)), NOT_AN_IMAGE
    return json.dumps(spoilt), reason


def disturb(fields: dict[str, Any], masked: bool, draw: np.random.Generator) -> bool:
    """Change a record in place, perhaps by a random mask; tell if it now decodes differently."""
    if masked:
        width, height = fields["size"]
        mask = draw.integers(0, 256, size=(height, width), dtype=np.uint8)
        fields["alpha_b64"] = _as_text(encode_png(Image.fromarray(mask)))
        return True
    key = next(name for name in fields if name.startswith("img"))
    flaw = _FLAWS[draw.integers(len(_FLAWS))]
    if flaw == "no padding":
        fields[key] = fields[key].rstrip("=")
    elif flaw == "white space":
        fields[key] = "\n".join([fields[key][:50], fields[key][50:]]) + " "
    elif flaw == "missing fields":
        neutral = {"exif_rot": 0, "invert": False}
        for name in ("label", "size", "mode", "exif_rot", "invert"):
            if fields[name] == neutral.get(name, fields[name]):
                del fields[name]
    elif fields["alpha_b64"] is None:
        fields["alpha_b64"] = "bm90IGEgbWFzaw=="
    return False


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
