"""The bytes of a PNG without frills -> its raw pixels; None for anything else."""

import zlib
from typing import NamedTuple

from PIL import Image

_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_IDAT = 33  # offset of the first chunk behind the header, bytes
_SIDE_LIMIT = 128  # px; of larger pictures a block of lines would hold too much at once
# (bit depth, colour type) -> Pillow's mode and the file's own layout
_LAYOUTS = {
    (8, 0): ("L", "L"),
    (16, 0): ("I", "I;16B"),
    (8, 2): ("RGB", "RGB"),
    (8, 4): ("LA", "LA"),
    (8, 6): ("RGBA", "RGBA"),
}


class PngLayout(NamedTuple):
    """What a PNG's header says."""

    mode: str  # Pillow's: L, LA, RGB, RGBA; I for 16-bit grey
    raw_mode: str
    width: int
    height: int


class PlainPngReader:
    """Reads PNGs of exactly three chunks; remembers headers, for thousands of files share one."""

    def __init__(self) -> None:
        self._layouts: dict[bytes, PngLayout | None] = {}

    def read(self, data: bytes) -> tuple[PngLayout, bytes] | None:
        """A file's bytes -> (layout, pixels row by row as Pillow's tobytes gives them), or None.

        None says nothing about the file but that Pillow's own reader has to judge it.
        """
        header = data[:_IDAT]
        try:
            layout = self._layouts[header]
        except KeyError:
            layout = self._layouts[header] = _read_header(header)
        end = len(data) - len(_END)
        if (
            layout is None
            or data[_IDAT + 4 : _IDAT + 8] != b"IDAT"
            or int.from_bytes(data[_IDAT : _IDAT + 4]) != end - _IDAT - 12
            or not data.endswith(_END)
        ):
            return None
        packed = data[_IDAT + 8 : end - 4]
        size = layout.width, layout.height
        try:
            image = Image.frombytes(layout.mode, size, packed, "zip", layout.raw_mode)
        except (ValueError, OSError):
            return None
        return layout, image.tobytes()


def _read_header(header: bytes) -> PngLayout | None:
    """A PNG's first 33 bytes -> its layout, if that is one of the common ones."""
    if len(header) < _IDAT or not header.startswith(_HEAD):
        return None
    if zlib.crc32(header[12:29]) != int.from_bytes(header[29:]):
        return None
    width, height = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    depth, colour, *methods = header[24:29]
    if not (0 < width <= _SIDE_LIMIT and 0 < height <= _SIDE_LIMIT) or any(methods):
        return None
    layout = _LAYOUTS.get((depth, colour))
    return PngLayout(*layout, width, height) if layout else None
