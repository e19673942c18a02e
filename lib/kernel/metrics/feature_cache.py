"""Features of images -> a folder of verified chunks, for later processes.

The chunks hold each distinct image once. `places.bin` tells which of these each image is. So the
folder alone gives the features of all images.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib.base.checksummed_files import (
    ChecksumError,
    Heading,
    read_checksummed,
    write_checksummed,
)
from lib.base.log import log

PLACES = "places.bin"
CHUNKS = "features-*.bin"


class ChunkStore:
    """Numbered (n, width) float32 arrays in one folder, each behind its own sha256."""

    def __init__(self, folder: Path, width: int) -> None:
        self._folder = folder
        self._width = width

    def read(self, number: int, count: int) -> NDArray[np.float32] | None:
        """A chunk's number and its rows -> the array, or None where it is absent or broken."""
        array = read_array(self._path(number))
        if array is None:
            return None
        if array.shape == (count, self._width) and array.dtype == np.float32:
            return array
        log("features", f"{self._path(number).name} is damaged and not taken")
        return None

    def write(self, number: int, array: NDArray[np.float32]) -> None:
        """Write the array of a chunk; its file is whole or absent."""
        _write_array(self._path(number), array)

    def write_places(self, place: NDArray[np.int64]) -> None:
        """Write the (N,) places of images among the distinct ones, if no file holds them yet."""
        path = self._folder / PLACES
        known = read_array(path)
        if known is None or not np.array_equal(known, place):
            _write_array(path, place)

    def _path(self, number: int) -> Path:
        return self._folder / f"features-{number:04d}.bin"


def read_array(path: Path) -> NDArray[Any] | None:
    """A file of _write_array -> its array, or None where it is absent, or broken and so logged."""
    try:
        payload = read_checksummed(path, Heading.DIGEST)
    except FileNotFoundError:
        return None
    except ChecksumError:
        payload = memoryview(b"")
    try:
        array: NDArray[Any] = np.load(io.BytesIO(payload), allow_pickle=False)
        return array
    except (ValueError, EOFError):
        log("features", f"{path.name} is damaged and not taken")
        return None


def _write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array behind its own sha256; the file is whole or absent."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_checksummed(path, buffer.getvalue(), Heading.DIGEST)


def hash_key(images: NDArray[np.uint8], parts: tuple[str, ...]) -> str:
    """Images and words -> 32 hex digits that change with any of them."""
    digest = hashlib.sha256(repr((images.shape, parts)).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:32]


def find_distinct(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N, 3, H, W) uint8 -> (M,) rows of the distinct ones in order, (N,) places among them.

    About half of the competition's images are flat boxes, of which many are the same.
    """
    known: dict[bytes, int] = {}
    first: list[int] = []
    place = np.empty(len(images), np.int64)
    for row, image in enumerate(images):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
        if digest not in known:
            known[digest] = len(first)
            first.append(row)
        place[row] = known[digest]
    return np.array(first, np.int64), place
