"""The bytes of common PNGs -> their pixels, all files of one layout decoded at once."""

import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_IDAT = 33  # offset of the first chunk behind the header, bytes
_SIDE_LIMIT = 128  # px; a block of larger pictures would take too much memory at once
_LAST_FILTER = 4  # Paeth
# (bit depth, colour type) -> Pillow's mode, the file's own layout, its bytes for a pixel
_LAYOUTS = {
    (8, 0): ("L", "L", 1),
    (16, 0): ("I", "I;16B", 2),
    (8, 2): ("RGB", "RGB", 3),
    (8, 4): ("LA", "LA", 2),
    (8, 6): ("RGBA", "RGBA", 4),
}


class PngLayout(NamedTuple):
    """What a PNG's header says."""

    mode: str  # Pillow's: L, LA, RGB, RGBA; I for 16-bit grey
    raw_mode: str
    row_bytes: int  # bytes of a row in the file, the filter's number included
    width: int
    height: int


class PlainPngReader:
    """Reads PNGs of exactly three chunks.

    It remembers headers, for thousands of files share one.
    """

    def __init__(self) -> None:
        self._layouts: dict[bytes, PngLayout | None] = {}

    def read(self, data: bytes) -> tuple[PngLayout, bytes] | None:
        """A file's bytes -> (layout, rows as the file filters them), or None.

        None means that Pillow's own reader has to judge the file.
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
        size = layout.row_bytes * layout.height
        inflater = zlib.decompressobj()
        try:
            rows = inflater.decompress(data[_IDAT + 8 : end - 4], size + 1)
        except zlib.error:
            return None
        if len(rows) != size or not inflater.eof or max(rows[:: layout.row_bytes]) > _LAST_FILTER:
            return None
        return layout, rows


def unfilter(layout: PngLayout, files: list[bytes]) -> tuple[np.ndarray, np.ndarray | None]:
    """(layout, filtered rows of N files) -> colour (N, 1 or 3, H, W), alpha (N, H, W) or None.

    Values are uint8, or int32 for 16-bit grey. Colour has one channel also where R = G = B in all
    files.

    A filter refers to the row above; above the first row the standard puts zeros. So with a row of
    zeros in front of each file, Pillow reads all of them as one tall PNG.
    """
    count = len(files)
    zeros = bytes(layout.row_bytes)
    tall = zlib.compress(zeros.join([b"", *files]), 0)
    size = layout.width, count * (layout.height + 1)
    image = Image.frombytes(layout.mode, size, tall, "zip", layout.raw_mode)
    bands = [band.tobytes() for band in image.split()]
    alpha = bands.pop() if layout.mode.endswith("A") else None
    if len(bands) == 3 and bands[0] == bands[1] == bands[2]:
        bands = bands[:1]
    colour = np.stack([_cut_zeros(band, layout, count) for band in bands], axis=1)
    return colour, _cut_zeros(alpha, layout, count) if alpha is not None else None


def _cut_zeros(band: bytes, layout: PngLayout, count: int) -> np.ndarray:
    """One band of the tall picture -> (N, H, W)."""
    values = np.frombuffer(band, np.int32 if layout.mode == "I" else np.uint8)
    return values.reshape(count, layout.height + 1, layout.width)[:, 1:]


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
    if (depth, colour) not in _LAYOUTS:
        return None
    mode, raw_mode, pixel_bytes = _LAYOUTS[depth, colour]
    return PngLayout(mode, raw_mode, 1 + width * pixel_bytes, width, height)
