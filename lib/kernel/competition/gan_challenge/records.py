"""One raw line -> the parts of its record, repaired where possible, or why it is rejected."""

import binascii
import json
import math
from typing import Any, NamedTuple

from lib.base.one_line import as_one_line

BROKEN_JSON = "broken JSON"
NOT_AN_OBJECT = "not an object"
NO_IMAGE = "no image"
INVALID_BASE64 = "invalid base64"

REPAIRED_BASE64 = "base64 repaired"
ALPHA_IGNORED = "alpha_b64 unreadable, ignored"
ROTATION_IGNORED = "exif_rot unreadable, taken as 0"
INVERT_IGNORED = "invert unreadable, taken as false"

IMAGE_KEYS = ("img_b64", "img64", "img_64")
_INVERT_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_TO_STANDARD = str.maketrans("-_", "+/")  # RFC 4648, section 5
_ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


class Rejection(NamedTuple):
    """Why a line gives no picture, and its record's id as far as that is known."""

    reason: str
    id: str = ""


class Record(NamedTuple):
    """What decides a picture.

    The mode and size that a record names are not read: the image file has its own.
    """

    id: str  # "" where the record has none
    image: bytes  # an image file
    alpha: bytes | None  # an image file, or b"" where its base64 could not be read
    degrees: float  # clockwise, 0 <= degrees < 360
    invert: bool
    notes: tuple[str, ...]  # what was repaired or ignored


def parse_record(raw: bytes) -> Record | Rejection:
    """One line of a shard -> its record, or a Rejection; never raises."""
    fields = _parse_json(raw)
    if isinstance(fields, Rejection):
        return fields
    record_id = _read_id(fields)
    text = next((fields[key] for key in IMAGE_KEYS if fields.get(key) not in (None, "")), None)
    if text is None:
        return Rejection(NO_IMAGE, record_id)
    notes: tuple[str, ...] = ()
    image = _decode_strictly(text)
    if image is None:
        image = _decode_repaired(text)
        if not image:
            return Rejection(INVALID_BASE64, record_id)
        notes = (REPAIRED_BASE64,)
    alpha = None
    if (mask := fields.get("alpha_b64")) not in (None, ""):
        alpha = _decode_strictly(mask) or _decode_repaired(mask) or b""
    degrees = fields.get("exif_rot") or 0
    if type(degrees) is not int or not 0 <= degrees < 360:
        degrees, note = _read_degrees(degrees)
        notes += note
    invert = fields.get("invert") or False
    if type(invert) is not bool:
        invert, note = _read_invert(invert)
        notes += note
    return Record(record_id, image, alpha, degrees, invert, notes)


def _parse_json(raw: bytes) -> dict[str, Any] | Rejection:
    """A line -> the record's fields, taken out of any `root` wrappers, or a Rejection.

    Where a wrapper has a field of the same name, the inner one counts.
    """
    try:
        value = json.loads(raw.decode().lstrip("\ufeff"))
    except (ValueError, RecursionError):  # ValueError: also bytes that are not UTF-8
        return Rejection(BROKEN_JSON)
    if not isinstance(value, dict):
        return Rejection(NOT_AN_OBJECT)
    while isinstance(inner := value.get("root"), dict):
        outer = {key: item for key, item in value.items() if key != "root"}
        value = {**outer, **inner}
    return value


def _read_id(fields: dict[str, Any]) -> str:
    """Fields -> the id as one printable line; "" where there is none."""
    value = fields.get("id")
    if value is None or isinstance(value, (dict, list)):
        return ""
    return as_one_line(str(value))


def _decode_strictly(text: object) -> bytes | None:
    """Base64 text -> bytes; None where it is not strictly valid."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def _decode_repaired(text: object) -> bytes | None:
    """Base64 text with white space, wrong padding, a data: prefix or the URL alphabet -> bytes.

    None where it has other characters, or a length that no bytes give.
    """
    if not isinstance(text, str):
        return None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    text = "".join(text.split()).rstrip("=").translate(_TO_STANDARD)
    if len(text) % 4 == 1 or not set(text) <= _ALPHABET:
        return None
    return binascii.a2b_base64(text + "=" * (-len(text) % 4))


def _read_degrees(value: object) -> tuple[float, tuple[str, ...]]:
    """exif_rot as found -> (degrees clockwise, notes); a text counts as the number it spells."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        degrees = float(value)
        if not math.isfinite(degrees):
            raise ValueError
    except (ValueError, OverflowError):
        return 0.0, (ROTATION_IGNORED,)
    return degrees % 360 % 360, ()  # -1e-20 % 360 is 360.0


def _read_invert(value: object) -> tuple[bool, tuple[str, ...]]:
    """invert as found -> (whether to invert, notes); texts and numbers count as words."""
    word = f"{value:g}" if isinstance(value, float) else str(value).strip().lower()
    if word in _INVERT_WORDS:
        return _INVERT_WORDS[word], ()
    return False, (INVERT_IGNORED,)
