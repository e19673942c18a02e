"""The bytes of an image file -> its colour and alpha as 8-bit pictures, or why there is none."""

import io
import threading
import warnings
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageFile

Grey16 = Literal["min-max", "high-byte", "clip"]  # how 16-bit grey becomes 8-bit
Truncated = Literal["reject", "keep"]  # what becomes of a picture with missing rows

NOT_AN_IMAGE = "no image file"
TRUNCATED = "truncated image"
DAMAGED = "damaged image"
TOO_LARGE = "image too large"

_SIDE_LIMIT = 4096  # px: far above any record; even turned by 45 degrees it fits the memory
# Formats by their first bytes. Pillow's own sniffing would also try EPS, which runs ghostscript.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"RIFF", "WEBP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"P4", "PPM"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
)
_LAST_BYTES = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";"}
_ORIENTATION = 0x0112  # Exif's tag
_switch_lock = threading.Lock()


class Picture(NamedTuple):
    """A picture of 8 bits; alpha is absent where the file has none."""

    colour: Image.Image  # mode L or RGB
    alpha: Image.Image | None  # mode L: 0 transparent .. 255 opaque


def read_picture(data: bytes, grey16: Grey16, truncated: Truncated) -> Picture | str:
    """An image file's bytes -> its picture (of several frames the first), or a reject's reason.

    An orientation tag inside the file is left alone: a record's own exif_rot says how to turn it.
    """
    opened = open_image(data, keep_truncated=truncated == "keep")
    if isinstance(opened, str):
        return opened
    try:
        return split_alpha(opened, grey16)
    except Exception:  # Pillow's conversions raise several kinds of errors for inconsistent files
        return DAMAGED


def read_mask(data: bytes) -> Image.Image | None:
    """An image file's bytes -> the mask (mode L) that it shows; None where it cannot be read."""
    picture = read_picture(data, "high-byte", "reject")
    return None if isinstance(picture, str) else picture.colour.convert("L")


def to_eight_bits(values: np.ndarray, grey16: Grey16) -> np.ndarray:
    """(..., H, W) numbers, 16-bit grey 0..65535 -> (..., H, W) uint8, each picture on its own.

    min-max: 255 (v - min) / (max - min), rounded; a constant picture takes its high byte.
    high-byte: v / 256, cut off. clip: min(v, 255), as Pillow's convert("L") does.
    """
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=65535.0, neginf=0.0)
    if grey16 == "clip":
        return np.clip(values, 0, 255).astype(np.uint8)
    if grey16 == "high-byte":
        return _take_high_byte(values)
    low = values.min(axis=(-2, -1), keepdims=True).astype(np.float64)
    span = values.max(axis=(-2, -1), keepdims=True) - low
    wide = values - low
    wide *= 255.0
    wide /= np.where(span > 0, span, 1.0)
    scaled = np.rint(wide, out=wide).astype(np.uint8)
    if span.all():
        return scaled
    return np.where(span > 0, scaled, _take_high_byte(values))


def _take_high_byte(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 65535).astype(np.int64) >> 8).astype(np.uint8)


def open_image(
    data: bytes, *, keep_truncated: bool = False, turn: bool = False, side_limit: int = _SIDE_LIMIT
) -> Image.Image | str:
    """An image file's bytes -> the image with its pixels read, or a reject's reason.

    `turn` lets Pillow turn a TIFF by its orientation tag as it reads it; of other formats it turns
    none.
    """
    kind = next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)
    if kind is None:
        return NOT_AN_IMAGE
    with _switch_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # corrupt metadata and big pictures: judged below
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = keep_truncated
        try:
            image = Image.open(io.BytesIO(data), formats=(kind,))
            if max(image.size) > side_limit:
                return TOO_LARGE
            if kind == "TIFF" and not turn:
                _forget_orientation(image)
            image.load()
            return image
        except Image.DecompressionBombError:
            return TOO_LARGE
        except Exception as error:  # plug-ins raise what they like: SyntaxError, struct.error, ...
            return TRUNCATED if _is_cut(kind, data, str(error)) else DAMAGED
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def _forget_orientation(image: Image.Image) -> None:
    """Remove the orientation of a TIFF before it is loaded, so that Pillow does not turn it."""
    image.getexif().pop(_ORIENTATION, None)
    image._tile_orientation = None  # type: ignore[attr-defined] # where Pillow 10.0 keeps it


def _is_cut(kind: str, data: bytes, complaint: str) -> bool:
    """(format, a file Pillow cannot read, what it said) -> whether the file's end is missing."""
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return "trunc" in complaint.lower() or _LAST_BYTES.get(kind, b"") not in data[-64:]


def split_alpha(image: Image.Image, grey16: Grey16) -> Picture:
    """A loaded image of any mode -> its 8-bit colour and alpha."""
    transparent = image.info.get("transparency")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        colour = Image.fromarray(to_eight_bits(values, grey16))
        if not isinstance(transparent, int):
            return Picture(colour, None)
        return Picture(
            colour, Image.fromarray(np.where(values == transparent, 0, 255).astype("u1"))
        )
    if image.mode == "L" and transparent is None:
        return Picture(image, None)
    if image.mode in ("LA", "La"):
        grey, alpha = image.convert("LA").split()
        return Picture(grey, alpha)
    palette = image.palette if image.mode == "P" else None
    has_alpha = image.mode in ("RGBA", "RGBa", "PA") or transparent is not None
    if has_alpha or (palette is not None and palette.mode.endswith("A")):
        full = image.convert("RGBA")
        return Picture(full.convert("RGB"), full.getchannel("A"))
    return Picture(image.convert("L" if image.mode == "1" else "RGB"), None)
