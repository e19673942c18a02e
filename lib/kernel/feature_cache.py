"""Images and what decides their features -> a folder of verified chunks for later processes."""

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lib.kernel.progress import log
from lib.kernel.storage import write_bytes

_DIGEST_BYTES = 32


class ChunkStore:
    """Numbered (n, width) float32 arrays in one folder, each behind its own sha256."""

    def __init__(self, folder: Path, width: int) -> None:
        self._folder = folder
        self._width = width

    def read(self, number: int, count: int) -> NDArray[np.float32] | None:
        """A chunk's number and its rows -> the array, or None where it is absent or broken."""
        path = self._path(number)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() == digest:
            array = np.load(io.BytesIO(payload), allow_pickle=False)
            if array.shape == (count, self._width) and array.dtype == np.float32:
                return array
        log("features", f"{path.name} is damaged: its features are computed again")
        return None

    def write(self, number: int, array: NDArray[np.float32]) -> None:
        """A chunk's number and its array -> a file, whole or absent."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        payload = buffer.getvalue()
        write_bytes(self._path(number), hashlib.sha256(payload).digest() + payload)

    def _path(self, number: int) -> Path:
        return self._folder / f"features-{number:04d}.bin"


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
