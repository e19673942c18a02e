"""A line of a shard -> its picture, as a notebook would write it: the oracle and the peer."""

import base64
import io
import json

import numpy as np
from PIL import Image, ImageOps


def decode_plainly(line: str | bytes) -> np.ndarray:
    """A line -> (3, 32, 32) uint8 by policy host; raises one thing or another for chaos."""
    record = json.loads(line)
    if "root" in record:
        record = record["root"]
    text = record.get("img_b64") or record.get("img64") or record["img_64"]
    image = Image.open(io.BytesIO(decode_base64(text)))
    image.load()
    if image.mode in ("I", "I;16"):
        grey = np.asarray(image).astype(np.float64)
        if grey.max() > grey.min():
            grey = np.round((grey - grey.min()) * 255 / (grey.max() - grey.min()))
        else:
            grey = grey // 256
        image = Image.fromarray(grey.astype(np.uint8))
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    if record.get("alpha_b64"):
        try:
            mask = Image.open(io.BytesIO(decode_base64(record["alpha_b64"]))).convert("L")
            alpha = mask if mask.size == image.size else mask.resize(image.size, Image.NEAREST)
        except (OSError, ValueError):
            pass
    image = image.convert("RGB")
    degrees = record.get("exif_rot", 0)
    if degrees:
        image = image.rotate(-degrees, expand=True)
        alpha = alpha.rotate(-degrees, expand=True) if alpha is not None else None
    if record.get("invert", False):
        image = ImageOps.invert(image)
    if alpha is not None:
        box = alpha.getbbox()
        if box is not None:
            image, alpha = image.crop(box), alpha.crop(box)
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, (0, 0), alpha)
        image = white
    image = image.resize((32, 32), Image.LANCZOS)
    return np.asarray(image).transpose(2, 0, 1)


def decode_base64(text: str) -> bytes:
    """Base64 with or without its padding and with white space -> bytes."""
    text = "".join(text.split())
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
