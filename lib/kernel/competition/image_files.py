"""The bytes of an image file -> its colour and alpha as 8-bit pictures, or why there is none."""

import contextlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from lib.kernel.competition.foreign_formats import name_format
from lib.kernel.competition.lean_image import TOO_LARGE, Lean, make_lean
from lib.kernel.competition.png_depth import mend_key, read_low_bytes

Grey16 = Literal["min-max", "high-byte", "clip"]  # how 16-bit grey becomes 8-bit
Truncated = Literal["reject", "keep"]  # what becomes of a picture with missing rows

NOT_AN_IMAGE = "no image file"
TRUNCATED = "truncated image"
DAMAGED = "damaged image"

_SIDE_LIMIT = 4096  # px: far above any record
WORK_LIMIT = 40_000_000  # bytes of pixels, times the weight of their decoding: under a second
# Formats by their first bytes. Pillow's own sniffing would also try EPS, which runs ghostscript.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"P4", "PPM"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
)
_LAST_BYTES = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";"}
_WIDE_MODES = ("I", "F")
_switch_lock = threading.Lock()


class Picture(NamedTuple):
    """A picture of 8 bits; alpha is absent where the file has none."""

    colour: Image.Image  # mode L or RGB
    alpha: Image.Image | None  # mode L: 0 transparent .. 255 opaque


def read_picture(
    data: bytes, grey16: Grey16, truncated: Truncated, work_limit: int = WORK_LIMIT
) -> Picture | str:
    """An image file's bytes -> its picture (of several frames the first), or a reject's reason.

    An orientation tag inside the file is left alone: a record's own exif_rot says how to turn it.
    """
    opened = open_image(data, keep_truncated=truncated == "keep", work_limit=work_limit)
    if isinstance(opened, str):
        return opened
    try:
        return split_alpha(opened, grey16)
    except Exception:  # Pillow's conversions raise several kinds of errors for inconsistent files
        return DAMAGED


def read_mask(data: bytes, work_limit: int = WORK_LIMIT) -> Image.Image | None:
    """An image file's bytes -> the mask (mode L) that it shows; None where it cannot be read.

    The mask is the picture in grey; where its colour is constant, the mask is its alpha. What is
    not 0 in the file stays so, for a crop asks for that.
    """
    opened = open_image(data, work_limit=work_limit)
    if isinstance(opened, str):
        return None
    try:
        if opened.mode in _WIDE_MODES or opened.mode.startswith("I;16"):
            return Image.fromarray(_narrow_mask(np.asarray(opened)))
        colour, alpha = split_alpha(opened, "high-byte")
        lows = _read_low_bands(opened, data)
        alpha = alpha and _raise_zeros(alpha, lows[3:])
        if alpha is not None and _is_constant(colour) and not _is_constant(alpha):
            return alpha
        if colour.mode == "L":
            return colour
        return _raise_zeros(colour.convert("L"), [*colour.split(), *lows[:3]])
    except Exception:  # as above
        return None


def _narrow_mask(values: np.ndarray) -> np.ndarray:
    """(H, W) numbers of more than 8 bits -> (H, W) uint8.

    Values that fit 8 bits stay as they are, and shares of 1 become shares of 255. Of all others the
    high byte is taken, and at least 1.
    """
    wide = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=65535.0, neginf=0.0)
    highest = wide.max()
    if values.dtype.kind == "f" and highest <= 1:
        wide *= 255
    elif highest > 255:
        wide /= 256
    return np.where(wide > 0, np.clip(wide, 1, 255), 0).astype(np.uint8)


def _raise_zeros(mask: Image.Image, bands: list[Image.Image]) -> Image.Image:
    """(a mask, bands that it was made of) -> the mask, 1 where it is 0 and a band is not."""
    values = np.array(mask)
    for band in bands:
        values[(values == 0) & (np.asarray(band) > 0)] = 1
    return Image.fromarray(values)


def _read_low_bands(image: Image.Image, data: bytes) -> list[Image.Image]:
    """(a loaded image, its file) -> the lower 8 bits of each band, if the file has 16."""
    is_wide = image.format == "PNG" and data[24:26] in (b"\x10\2", b"\x10\6")
    return list(read_low_bytes(data).split()) if is_wide else []


def _is_constant(image: Image.Image) -> bool:
    low_high = image.getextrema()
    return all(low == high for low, high in np.reshape(low_high, (-1, 2)))


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


def find_format(data: bytes) -> str | None:
    """A file's bytes -> Pillow's name of its format, if that is one of those that are taken."""
    if data[:4] == b"RIFF" and b"WEBP".startswith(data[8:12]):
        return "WEBP"
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)


def open_image(
    data: bytes,
    *,
    keep_truncated: bool = False,
    turn: bool = False,
    side_limit: int = _SIDE_LIMIT,
    work_limit: int = WORK_LIMIT,
) -> Image.Image | str:
    """An image file's bytes -> the image with its pixels read, or a reject's reason.

    `turn` is for pictures that are few and large: Pillow then turns a TIFF by its orientation tag,
    all of a file's metadata are kept, and work_limit does not count.
    """
    kind = find_format(data)
    if kind is None:
        name = name_format(data)
        return NOT_AN_IMAGE if name is None else f"a format that is not taken ({name})"
    lean = Lean(data, 0) if turn else make_lean(kind, data)
    if isinstance(lean, str):
        return lean
    with _switch_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # corrupt metadata and big pictures: judged below
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = keep_truncated
        try:
            with _quiet() if kind == "TIFF" else contextlib.nullcontext():
                image = Image.open(io.BytesIO(lean.data), formats=(kind,))
                if max(image.size) > side_limit or weigh(image) * lean.weight > work_limit:
                    return TOO_LARGE
                image.load()
            return mend_key(image, data) if kind == "PNG" and _has_key(image) else image
        except Image.DecompressionBombError:
            return TOO_LARGE
        except Exception as error:  # plug-ins raise what they like: SyntaxError, struct.error, ...
            return TRUNCATED if _is_cut(kind, data, str(error)) else DAMAGED
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def weigh(image: Image.Image) -> int:
    """An image, loaded or not -> the bytes that its pixels take on the way to a picture."""
    if image.mode in ("1", "L") and not _has_key(image):
        return image.width * image.height
    has_three = image.mode in ("RGB", "P", "YCbCr") and not _has_key(image)
    return image.width * image.height * (3 if has_three else 4)


def _has_key(image: Image.Image) -> bool:
    return "transparency" in image.info


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep libtiff and Pillow's logger from writing to stderr what open_image judges itself."""
    if not (logger := logging.getLogger("PIL")).handlers:
        logger.addHandler(logging.NullHandler())
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _is_cut(kind: str, data: bytes, complaint: str) -> bool:
    """(format, a file Pillow cannot read, what it said) -> whether the file's end is missing."""
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return "trunc" in complaint.lower() or _LAST_BYTES.get(kind, b"") not in data[-64:]


def split_alpha(image: Image.Image, grey16: Grey16) -> Picture:
    """A loaded image of any mode -> its 8-bit colour and alpha."""
    transparent = image.info.get("transparency")
    if image.mode in _WIDE_MODES or image.mode.startswith("I;16"):
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
