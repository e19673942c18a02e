"""An image file -> the same without what its picture does not need, or why it would take too long.

Pillow reads metadata in Python and keeps it, and some decoders are written in Python too. So a file
could take minutes or gigabytes for a tiny picture. Here its parts are counted before it is read.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

TOO_MANY_PARTS = "too many parts in one image"
TOO_MANY_SCANS = "too many scans in one image"
TOO_LARGE = "image too large"

_PARTS_LIMIT = 4096  # segments, tags, blocks in front of pixels: far above real files
_CHUNKS_LIMIT = 20_000  # of a PNG, those with pixels included
_PACKED_LIMIT = 64  # chunks that Pillow unpacks, each to a megabyte at most
_SCANS_LIMIT = 64  # of a JPEG; encoders write 14 at most
_FREE_SCANS = 6  # take no longer than the rest of a JPEG
_SLOW_LIMIT = 1 << 20  # bytes of a file whose decoder takes long for each byte
_VALUES_LIMIT = 1 << 15  # of all tags of a TIFF, mostly where its strips lie
_PPM_HEAD = 4096  # bytes that hold a PPM's header with its comments
_COMMENT = re.compile(rb"#[^\r\n]*[\r\n]?")
_PACKED = (b"iCCP", b"zTXt", b"iTXt")
_PIXELS = (b"IDAT", b"fdAT", b"fcTL")
_WIDE_COLOUR = (b"\x10\x02", b"\x10\x04", b"\x10\x06")  # 16 bits a channel, not grey alone
_SCAN, _PADDING = 0xDA, 0xFF
_ARITHMETIC = (0xC9, 0xCA, 0xCB)
_METADATA = (*range(0xE1, 0xEE), 0xEF, 0xFE)  # all but JFIF's and Adobe's
_COMPRESSION, _OFFSETS = 259, (273, 324)
_NEEDED_TAGS = {
    *(254, 255, 256, 257, 258, _COMPRESSION, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317),
    *(320, 322, 323, 324, 325, 332, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532),
}


class Lean(NamedTuple):
    """An image file and how long a pixel of it takes."""

    data: bytes
    weight: int  # 1 for a pixel that is decoded as fast as most are


def make_lean(kind: str, data: bytes) -> Lean | str:
    """(Pillow's name of the format, a file) -> the file made lean, or a reject's reason."""
    return _MAKERS[kind](data) if kind in _MAKERS else Lean(data, 1)


def _count_chunks(data: bytes) -> Lean | str:
    """A PNG -> itself, if it has not too many chunks."""
    place, others, packed = 8, 0, 0
    for _ in range(_CHUNKS_LIMIT):
        kind = data[place + 4 : place + 8]
        if not kind or kind == b"IEND":
            return Lean(data, 2 if data[24:26] in _WIDE_COLOUR else 1)
        packed += kind in _PACKED
        others += kind not in _PIXELS
        if packed > _PACKED_LIMIT or others > _PARTS_LIMIT:
            break
        place += 12 + int.from_bytes(data[place : place + 4])
    return TOO_MANY_PARTS


def _strip_jpeg(data: bytes) -> Lean | str:
    """A JPEG -> the same without Exif, profiles and comments in front of its first scan."""
    kept, begin, slow = [data[:2]], 2, False
    for _ in range(_PARTS_LIMIT):
        place = data.find(b"\xff", begin)
        if place - begin > _PARTS_LIMIT:  # Pillow looks at each byte between two segments
            return TOO_MANY_PARTS
        marker = data[place + 1] if 0 <= place < len(data) - 1 else _SCAN
        if marker == _SCAN:
            break
        slow = slow or marker in _ARITHMETIC
        end = place + (1 if marker == _PADDING else 2)
        if 0xC0 <= marker < _PADDING and not 0xD0 <= marker <= 0xD8:
            end += int.from_bytes(data[end : end + 2])
        if marker not in _METADATA:
            kept.append(data[begin:end])
        begin = end
    else:
        return TOO_MANY_PARTS
    rest = data[begin:]
    scans = rest.count(b"\xff\xda")
    if scans > _SCANS_LIMIT:
        return TOO_MANY_SCANS
    if slow and len(data) > _SLOW_LIMIT:
        return TOO_LARGE
    return Lean(b"".join([*kept, rest]), max(1, scans // _FREE_SCANS) * (4 if slow else 1))


def _count_gif_blocks(data: bytes) -> Lean | str:
    """A GIF -> itself, if not too many blocks lie in front of its first picture."""
    place = 13 + (6 << (data[10] & 7) if data[10:11] > b"\x7f" else 0)
    blocks = 0
    while data[place : place + 1] == b"!" and blocks <= _PARTS_LIMIT:
        place += 2
        while (size := int.from_bytes(data[place : place + 1])) and blocks <= _PARTS_LIMIT:
            place += 1 + size
            blocks += 1
        place += 1
        blocks += 1
    return Lean(data, 1) if blocks <= _PARTS_LIMIT else TOO_MANY_PARTS


def _weigh_bmp(data: bytes) -> Lean | str:
    """A BMP -> itself with its weight: Pillow unpacks run lengths in Python."""
    if data[30:34] not in (b"\1\0\0\0", b"\2\0\0\0"):
        return Lean(data, 1)
    return TOO_LARGE if len(data) > _SLOW_LIMIT else Lean(data, 12)


def _weigh_ppm(data: bytes) -> Lean | str:
    """A PPM -> itself with its weight: Pillow scales uncommon ranges in Python."""
    words = _COMMENT.sub(b" ", data[:_PPM_HEAD]).split(maxsplit=4)
    if len(words) < 4 and len(data) > _PPM_HEAD:
        return TOO_MANY_PARTS
    common = words[:1] == [b"P4"] or words[3:4] in ([b"255"], [b"65535"])
    return Lean(data, 1 if common else 96)


def _strip_tiff(data: bytes) -> Lean | str:
    """A TIFF -> the same with one directory, in which are the tags alone that pixels need."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    place = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[place : place + 2], order)
    tags: dict[int, bytes] = {}
    for start in range(place + 2, place + 2 + 12 * min(count, _PARTS_LIMIT), 12):
        tag = int.from_bytes(data[start : start + 2], order)
        if tag in _NEEDED_TAGS and start + 12 <= len(data):
            tags.setdefault(tag, data[start : start + 12])
    values = {tag: int.from_bytes(entry[4:8], order) for tag, entry in tags.items()}
    if count > _PARTS_LIMIT or sum(values.values()) > _VALUES_LIMIT:
        return TOO_MANY_PARTS
    compression = int.from_bytes(tags.get(_COMPRESSION, b"")[8:10], order)
    scans = data.count(b"\xff\xda") if compression in (6, 7) else 0
    strips = 0 if b"\xff\xc2" in data else max(map(values.get, _OFFSETS, (0, 0)))
    if scans > max(_SCANS_LIMIT, strips):
        return TOO_MANY_SCANS
    directory = len(tags).to_bytes(2, order) + b"".join(tags.values())
    end = place + 2 + 12 * count + 4  # of the old directory; behind it is where the next one lies
    block = directory.ljust(end - place, b"\0")[: max(0, len(data) - place)]
    return Lean(data[:place] + block + data[end:], 1)


_MAKERS: dict[str, Callable[[bytes], Lean | str]] = {
    "PNG": _count_chunks,
    "JPEG": _strip_jpeg,
    "GIF": _count_gif_blocks,
    "BMP": _weigh_bmp,
    "PPM": _weigh_ppm,
    "TIFF": _strip_tiff,
}
