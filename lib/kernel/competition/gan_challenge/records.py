"""One raw line -> the parts of its record, repaired where possible, or why it is rejected.

A record may lie in wrappers, each the value of `root` in the next. A field counts at the innermost
level where it has a value; null, "" and a missing key are none. Where that value is broken and
another one of the same field is sound, the sound one counts and is noted. The picture is one field
with three names, so the innermost level decides before the names do. Of its values one that is
base64 of an image file goes before other base64, and if its picture cannot be read, the next is
tried. Each field is looked up on its own: id, mask, rotation and inversion may be of other levels.
"""

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from lib.kernel.competition.gan_challenge.base64_text import decode_repaired, decode_strictly
from lib.kernel.competition.image_files import find_format

BROKEN_JSON = "broken JSON"
NOT_AN_OBJECT = "not an object"
TOO_MANY_VALUES = "too many values"
NO_IMAGE = "no image"
INVALID_BASE64 = "invalid base64"

REPAIRED_BASE64 = "base64 repaired"
FIELD_REPLACED = "broken field, another one of its kind taken"
ALPHA_IGNORED = "alpha_b64 unreadable, ignored"
ROTATION_IGNORED = "exif_rot unreadable, taken as 0"
ROTATION_LIKE_EXIF = "exif_rot 1 to 8, turned by degrees though it looks like an EXIF code"
INVERT_IGNORED = "invert unreadable, taken as false"

IMAGE_KEYS = ("img_b64", "img64", "img_64")
_SPARES = 1  # more images of one record are not tried, for each takes time
_VALUES_LIMIT = 500_000  # JSON values of a line; more would take over a second to parse
_ID_LIMIT, _ID_END = 500, 100  # characters of an id, and how many of each end a longer one keeps
_NUMBER_LIMIT = 400  # characters; no longer text is a number of degrees
_INVERT_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off"), False),
}
_Value = TypeVar("_Value")


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
    spares: tuple["Record", ...] = ()  # the same with other images, should this one be broken


def parse_record(raw: bytes) -> Record | Rejection:
    """One line of a shard -> its record, or a Rejection; never raises."""
    levels = _parse_json(raw)
    if isinstance(levels, Rejection):
        return levels
    record_id = _read_id(levels)
    texts = _find_values(levels, IMAGE_KEYS)
    if not texts:
        return Rejection(NO_IMAGE, record_id)
    files = _read_files(texts)
    if not files:
        return Rejection(INVALID_BASE64, record_id)
    alpha: bytes | None = None
    notes: tuple[str, ...] = ()
    if masks := _find_values(levels, ("alpha_b64",)):
        alpha, mask_notes = next(iter(_read_files(masks)), (b"", ()))
        notes = tuple(note for note in mask_notes if note == FIELD_REPLACED)
    degrees, turn_notes = _read_field(levels, "exif_rot", _read_degrees, 0.0, ROTATION_IGNORED)
    invert, invert_notes = _read_field(levels, "invert", _read_invert, False, INVERT_IGNORED)
    notes = turn_notes + invert_notes + notes
    image, image_notes = files[0]
    record = Record(record_id, image, alpha, degrees, invert, image_notes + notes)
    if len(files) == 1:
        return record
    spares = [record._replace(image=image, notes=more + notes) for image, more in files[1:]]
    return record._replace(spares=tuple(spares))


def _parse_json(raw: bytes) -> list[dict[str, Any]] | Rejection:
    """A line -> its object and those in its `root` wrappers, the innermost first."""
    if len(raw) > _VALUES_LIMIT and sum(map(raw.count, (b",", b"[", b"{"))) > _VALUES_LIMIT:
        return Rejection(TOO_MANY_VALUES)
    try:
        value = json.loads(raw.decode().lstrip("\ufeff"))
    except (ValueError, RecursionError):  # ValueError: also bytes that are not UTF-8
        return Rejection(BROKEN_JSON)
    if not isinstance(value, dict):
        return Rejection(NOT_AN_OBJECT)
    levels = [value]
    while isinstance(value := value.get("root"), dict):
        levels.append(value)
    return levels[::-1]


def _find_values(levels: list[dict[str, Any]], keys: tuple[str, ...]) -> list[Any]:
    """(levels, the names of one field) -> its values, the one that counts first."""
    found = []
    for fields in levels:
        for key in keys:
            if (value := fields.get(key)) is not None and value != "":
                found.append(value)
    return found


def _read_files(texts: list[Any]) -> list[tuple[bytes, tuple[str, ...]]]:
    """Values of one field -> the files that they are base64 of, with notes, in order of trial."""
    if len(texts) == 1 and (data := decode_strictly(texts[0])):
        return [(data, ())]
    files: dict[bytes, tuple[str, ...]] = {}
    for place, text in enumerate(texts):
        notes: tuple[str, ...] = (FIELD_REPLACED,) if place else ()
        if data := decode_strictly(text):
            files.setdefault(data, notes)
        elif data := decode_repaired(text):
            files.setdefault(data, (REPAIRED_BASE64, *notes))
    ranked = sorted(files.items(), key=lambda file: find_format(file[0]) is None)
    return ranked[: 1 + _SPARES]


def _read_field(
    levels: list[dict[str, Any]],
    key: str,
    read: Callable[[Any], tuple[_Value, tuple[str, ...]] | None],
    default: _Value,
    ignored: str,
) -> tuple[_Value, tuple[str, ...]]:
    """(levels, a field's name, its reader, its default, the note on it) -> (value, notes)."""
    broken: tuple[str, ...] = ()
    for fields in levels:
        if (value := fields.get(key)) is not None and value != "":
            if found := read(value):
                return (found[0], (*found[1], FIELD_REPLACED)) if broken else found
            broken = (ignored,)
    return default, broken


def _read_id(levels: list[dict[str, Any]]) -> str:
    """Levels -> the id as one printable line; "" where there is none."""
    for fields in levels:
        value = fields.get("id")
        if value is not None and value != "" and not isinstance(value, (dict, list)):
            return as_one_line(str(value))
    return ""


def as_one_line(text: str) -> str:
    """A text -> the same, escaped where line ends or lone surrogates would break ids.txt.

    A very long one loses its middle to a hash, so that other texts have other lines.
    """
    if len(text) > _ID_LIMIT:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        text = f"{text[:_ID_END]}...{digest}...{text[-_ID_END:]}"
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _read_degrees(value: object) -> tuple[float, tuple[str, ...]] | None:
    """exif_rot as found -> (degrees clockwise, notes); a text counts as the number it spells."""
    if type(value) is int and (value == 0 or 8 < value < 360):
        return value, ()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        if isinstance(value, str) and len(value) > _NUMBER_LIMIT:
            return None
        degrees = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(degrees):
        return None
    notes = (ROTATION_LIKE_EXIF,) if degrees in range(1, 9) else ()
    return degrees % 360 % 360, notes  # -1e-20 % 360 is 360.0


def _read_invert(value: object) -> tuple[bool, tuple[str, ...]] | None:
    """invert as found -> (whether to invert, no notes); numbers and words count as yes or no."""
    if type(value) is bool:
        return value, ()
    if not isinstance(value, (int, float, str)):
        return None
    word = value.strip().lower() if isinstance(value, str) else value
    if word in _INVERT_WORDS:
        return _INVERT_WORDS[word], ()
    try:
        number = float(word) if len(str(word)) <= _NUMBER_LIMIT else math.nan
    except (ValueError, OverflowError):
        return None
    return (bool(number), ()) if number in (0, 1) else None
