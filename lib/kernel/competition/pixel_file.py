"""A data set's pixels in one .npy file: written block by block, mapped into memory, verified."""

import hashlib
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_HEADER_BYTES = 128  # of a .npy file of this shape: the format pads to multiples of 64
_READ = 1 << 20  # bytes
_WRITE = 256  # pictures a write; so few are still in the CPU's cache when they are hashed


class PixelWriter:
    """Writes (N, 3, S, S) uint8 to an open file; N is known only at the end."""

    def __init__(self, file: BinaryIO, side: int) -> None:
        self._file, self._side = file, side
        self._digest: Any = hashlib.sha256()
        self.count = 0
        file.write(bytes(_HEADER_BYTES))  # the header's place

    def add(self, pixels: np.ndarray) -> None:
        """Append (n, 1 or 3, S, S) uint8; one channel is written three times."""
        for start in range(0, len(pixels), _WRITE):
            part = pixels[start : start + _WRITE]
            whole = np.broadcast_to(part, (len(part), 3, self._side, self._side)).tobytes()
            self._digest.update(whole)
            self._file.write(whole)
        self.count += len(pixels)

    def finish(self) -> str:
        """Write the header; return the hash of the pixels behind it."""
        self._file.seek(0)
        self._file.write(_make_header(self.count, self._side))
        return str(self._digest.hexdigest())


def _make_header(count: int, side: int) -> bytes:
    """(pictures, their side) -> what stands in front of their pixels."""
    header = io.BytesIO()
    shape = (count, 3, side, side)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    assert header.tell() == _HEADER_BYTES, "the pixels already stand behind 128 bytes"
    return header.getvalue()


def load_pixels(path: Path) -> np.ndarray:
    """Map a file of PixelWriter into memory, read-only: (N, 3, S, S) uint8."""
    return np.load(path, mmap_mode="r")


def is_as_written(path: Path, count: int, digest: str) -> bool:
    """Tell whether a file holds so many pictures and their pixels have that hash."""
    hashed = hashlib.sha256()
    try:
        with path.open("rb") as file:  # not through the map, whose pages would count as memory
            header = file.read(_HEADER_BYTES)
            if not header.startswith(np.lib.format.MAGIC_PREFIX):
                return False
            images = load_pixels(path)
            if header != _make_header(count, images.shape[-1]):
                return False
            if path.stat().st_size != _HEADER_BYTES + images.nbytes:
                return False
            while piece := file.read(_READ):
                hashed.update(piece)
    except Exception:  # numpy raises several kinds of errors for damaged files
        return False
    return hashed.hexdigest() == digest
