"""A data set's pixels in one .npy file: written block by block, mapped into memory, verified."""

import hashlib
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_HEADER_BYTES = 128  # of a .npy file of this shape: the format pads to multiples of 64
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
        header = io.BytesIO()
        shape = (self.count, 3, self._side, self._side)
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        assert header.tell() == _HEADER_BYTES, "the pixels already stand behind 128 bytes"
        self._file.seek(0)
        self._file.write(header.getvalue())
        return str(self._digest.hexdigest())


def load_pixels(path: Path) -> np.ndarray:
    """Map a file of PixelWriter into memory, read-only: (N, 3, S, S) uint8."""
    return np.load(path, mmap_mode="r")


def is_as_written(path: Path, count: int, digest: str) -> bool:
    """Tell whether a file holds so many pictures and their pixels have that hash."""
    try:
        images = load_pixels(path)
        return len(images) == count and hashlib.sha256(images.data).hexdigest() == digest
    except (OSError, ValueError):
        return False
