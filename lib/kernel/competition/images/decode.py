"""Files with pictures -> blocks of them -> squares of image_px, their ids, rejects and notes."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from lib.base.log import log
from lib.kernel.competition.images.arrays import read_arrays
from lib.kernel.competition.images.cifar import read_cifar
from lib.kernel.competition.images.find_pictures import Form, Pictures, hash_content
from lib.kernel.competition.images.idx import read_idx
from lib.kernel.competition.images.input_files import InputFile, UnreadableError, unpack_gzip
from lib.kernel.competition.images.to_image_px import fit_array, read_square

_BLOCK_FILES, _BLOCK_BYTES = 256, 1 << 23  # as much as one process takes at a time
_GREY_AXES = 2
COPY = "a copy of another file, packed or not"


class Reject(NamedTuple):
    """One row of rejects.csv: pictures of a file that are not in the data set."""

    file: str
    pictures: int  # 1 also where nobody knows how many a broken file or archive holds
    reason: str


@dataclass(frozen=True)
class Block:
    """Some pictures, still as they were stored, and rejects that were met before them."""

    files: tuple[tuple[str, bytes], ...] = ()
    name: str = ""  # of the file with an array
    first: int = 0  # number of the array's first picture in that file
    pixels: np.ndarray | None = None  # (n, H, W) or (n, H, W, C) uint8
    is_idx: bool = False
    rejects: tuple[Reject, ...] = ()

    @property
    def count(self) -> int:
        """The number of pictures, readable or not."""
        return len(self.files) + (0 if self.pixels is None else len(self.pixels))


class DecodedBlock(NamedTuple):
    """What one block gave, in order."""

    pixels: np.ndarray  # (N, 1 or 3, S, S) uint8; one channel if all of them are grey
    ids: list[str]
    rejects: list[Reject]
    notes: Counter[str]


def read_blocks(pictures: Pictures) -> Iterator[Block]:
    """An input's pictures -> blocks in order; what cannot be read comes as rejects."""
    if pictures.faults:
        yield Block(rejects=tuple(Reject(name, 1, fault) for name, fault in pictures.faults))
    if pictures.form is Form.FILES:
        yield from _read_files(pictures)
        return
    labels, seen = 0, set[bytes]()
    for file in pictures.read():
        try:
            if file.path is None:  # inside a tar it can be read once
                file = replace(file, read=partial(bytes, file.read()))
            digest = _hash_unpacked(file)
            if digest in seen:
                yield Block(rejects=(Reject(file.name, 1, COPY),))
                continue
            seen.add(digest)
            for block in _READERS[pictures.form](file):
                labels += block.pixels is None and not block.rejects
                yield block
        except UnreadableError as error:
            yield Block(rejects=(Reject(file.name, 1, str(error)),))
    if labels:
        log("pictures", f"passed over: {labels:,} arrays of labels")


def _hash_unpacked(file: InputFile) -> bytes:
    """Hash a file's bytes, of a gzip those inside it, so that a packed copy is seen as one."""
    if not file.name.lower().endswith(".gz"):
        return hash_content(file)
    return hashlib.sha256(unpack_gzip(file.read())[0]).digest()


def decode_block(block: Block, side: int) -> DecodedBlock:
    """(block, S) -> its squares; a picture that cannot be read becomes a reject."""
    squares: list[np.ndarray] = []
    ids: list[str] = []
    rejects, notes = list(block.rejects), Counter[str]()
    for name, data in block.files:
        read = read_square(data, side)
        if isinstance(read, str):
            rejects.append(Reject(name, 1, read))
            continue
        squares.append(read[0])
        notes.update(read[1])
        ids.append(name)
    for number, picture in enumerate(() if block.pixels is None else block.pixels):
        square, own = fit_array(picture, side, pads=block.is_idx)
        squares.append(square)
        notes.update(own)
        ids.append(f"{block.name}#{block.first + number}")
    return DecodedBlock(_stack(squares, side), ids, rejects, notes)


def _stack(squares: list[np.ndarray], side: int) -> np.ndarray:
    """Squares, grey or in colour -> (N, 1 or 3, S, S) uint8; one channel where all are grey."""
    if not squares:
        return np.empty((0, 1, side, side), np.uint8)
    if all(map(_is_grey, squares)):
        flat = [each if each.ndim == _GREY_AXES else each[:, :, 0] for each in squares]
        return np.stack(flat)[:, None]
    full = [
        np.repeat(each[:, :, None], 3, axis=2) if each.ndim == _GREY_AXES else each
        for each in squares
    ]
    return np.ascontiguousarray(np.stack(full).transpose(0, 3, 1, 2))


def _is_grey(square: np.ndarray) -> bool:
    return square.ndim == _GREY_AXES or bool((square == square[:, :, :1]).all())


def _read_files(pictures: Pictures) -> Iterator[Block]:
    """Picture files -> blocks of some megabytes.

    A file whose name and bytes came before in another archive, or outside of one, is a copy: a zip
    often lies beside what it was unpacked to. In one place equal pictures are kept.
    """
    places: dict[tuple[str, bytes], str] = {}
    files: list[tuple[str, bytes]] = []
    rejects: list[Reject] = []
    held = 0
    for file in pictures.read():
        try:
            data = file.read()
            key = (PurePosixPath(file.name).name, hashlib.sha256(data).digest())
            if places.setdefault(key, file.archive) == file.archive:
                files.append((file.name, data))
                held += len(data)
            else:
                rejects.append(Reject(file.name, 1, COPY))
        except UnreadableError as error:
            rejects.append(Reject(file.name, 1, str(error)))
        if held >= _BLOCK_BYTES or len(files) + len(rejects) >= _BLOCK_FILES:
            yield Block(tuple(files), rejects=tuple(rejects))
            files, rejects, held = [], [], 0
    if files or rejects:
        yield Block(tuple(files), rejects=tuple(rejects))


def _cut(name: str, pixels: np.ndarray, is_idx: bool = False) -> Iterator[Block]:
    """(a file's name, all its pictures) -> blocks of some megabytes."""
    each = max(int(np.prod(pixels.shape[1:])), 1)
    step = max(1, min(_BLOCK_BYTES // each, _BLOCK_FILES * 16))
    for start in range(0, len(pixels), step):
        part = np.ascontiguousarray(pixels[start : start + step])
        yield Block(name=name, first=start, pixels=part, is_idx=is_idx)


def _read_arrays(file: InputFile) -> Iterator[Block]:
    for array in read_arrays(file):
        if array.fault:
            yield Block(rejects=(Reject(array.name, 1, array.fault),))
        elif array.pixels is None:
            yield Block()
        else:
            yield from _cut(array.name, array.pixels)


def _read_idx(file: InputFile) -> Iterator[Block]:
    found = read_idx(file.read())
    if found is None:
        yield Block()
        return
    if found.missing:
        yield Block(rejects=(Reject(file.name, found.missing, found.why),))
    yield from _cut(file.name, found.pixels, is_idx=True)


def _read_cifar(file: InputFile) -> Iterator[Block]:
    yield from _cut(file.name, read_cifar(file.read()))


_READERS = {Form.ARRAYS: _read_arrays, Form.IDX: _read_idx, Form.CIFAR: _read_cifar}
