"""The bytes of an idx file, MNIST's format -> its pictures, as far as the file goes."""

from typing import NamedTuple

import numpy as np

from lib.kernel.competition.images.input_files import UnreadableError, unpack_gzip

_UNSIGNED_BYTES = 8  # the format's code of the values' type
_AXES = 3
_GZIP = b"\x1f\x8b"


class IdxPictures(NamedTuple):
    """What an idx file holds."""

    pixels: np.ndarray  # (N, H, W) uint8
    missing: int  # pictures that the header tells of and the file does not have
    why: str  # they are missing


def read_idx(content: bytes) -> IdxPictures | None:
    """An idx file's bytes, gzipped or not -> its pictures, or None where it holds labels.

    Raise UnreadableError where it is something else.
    """
    fault = ""
    if content.startswith(_GZIP):
        content, fault = unpack_gzip(content)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise UnreadableError(fault or f"no idx file: it begins with {content[:4]!r}")
    kind, axes = content[2], content[3]
    if axes == 1:
        return None
    start = 4 + 4 * axes
    if (kind, axes) != (_UNSIGNED_BYTES, _AXES) or len(content) < start:
        got = f"type {kind:#04x}, {axes} axes"
        raise UnreadableError(f"an idx file of other than unsigned bytes in three axes ({got})")
    count, height, width = np.frombuffer(content, ">u4", count=_AXES, offset=4).tolist()
    if not height or not width:
        raise UnreadableError(f"an idx file of pictures of {height} x {width} px")
    there = min(count, (len(content) - start) // (height * width))
    flat = np.frombuffer(content, np.uint8, count=there * height * width, offset=start)
    why = fault or "the idx file ends early"
    return IdxPictures(flat.reshape(there, height, width), count - there, why)
