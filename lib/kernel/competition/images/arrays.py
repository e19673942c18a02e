"""A numpy file -> its pictures, (n, H, W) or (n, H, W, C) uint8 in blocks; never a pickle."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lib.base.errors import InputError
from lib.kernel.competition.images.input_files import MOST_BYTES, InputFile, UnreadableError

_CHANNELS = (1, 3, 4)
_LEAST_AXES = 3  # arrays of fewer are labels
_EXPECTED = "(N, H, W), (N, H, W, C) or (N, C, H, W) uint8, C 1, 3 or 4"
_LONGEST = 16_384  # px
_FAULTS = (
    *(ValueError, OSError, EOFError, MemoryError, zlib.error),
    *(zipfile.BadZipFile, RuntimeError),  # the last one for encryption and unknown packing
)


class Array(NamedTuple):
    """An array, with pictures or with labels."""

    name: str
    pixels: np.ndarray | None  # (N, H, W) or (N, H, W, C) uint8, maybe mapped; None: labels
    fault: str = ""  # why nothing can be read of a member of a .npz


def read_arrays(file: InputFile) -> Iterator[Array]:
    """A .npy or .npz file -> its arrays; those of fewer than three axes are labels.

    Raise UnreadableError where the file is broken, and InputError where an array has another form.
    """
    if file.name.lower().endswith(".npz"):
        yield from _read_npz(file)
    else:
        yield Array(file.name, _load(file.name, file.path or io.BytesIO(file.read())))


def _read_npz(file: InputFile) -> Iterator[Array]:
    try:
        with zipfile.ZipFile(file.path or io.BytesIO(file.read())) as archive:
            for member in archive.infolist():
                name = f"{file.name}/{member.filename}"
                if member.file_size > MOST_BYTES:
                    yield Array(name, None, f"larger than {MOST_BYTES:,} bytes")
                    continue
                try:
                    array = Array(name, _load(name, io.BytesIO(archive.read(member))))
                except UnreadableError as error:
                    array = Array(name, None, str(error))
                except _FAULTS as error:
                    array = Array(name, None, _describe(error))
                yield array
    except _FAULTS as error:
        raise UnreadableError(_describe(error)) from error


def _load(name: str, place: Path | BinaryIO) -> np.ndarray | None:
    """(name, a path or the bytes of a .npy file) -> its pictures, or None where it has labels."""
    mode: Any = "r" if isinstance(place, Path) else None
    try:
        shape, dtype = _read_header(place)
        if len(shape) < _LEAST_AXES:
            return None
        if dtype.hasobject:
            raise _refuse(name, "it holds Python objects, which are never read", shape, dtype)
        array = np.load(place, mmap_mode=mode, allow_pickle=False)
    except InputError:
        raise
    except Exception as error:  # numpy reads the header as Python: a damaged one raises any error
        raise UnreadableError(_describe(error)) from error
    return _order_axes(name, array)


def _read_header(place: Path | BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """A .npy file -> the shape and type that its header tells; nothing else of it is read."""
    file: BinaryIO = place.open("rb") if isinstance(place, Path) else place
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        return shape, dtype
    finally:
        if isinstance(place, Path):
            file.close()
        else:
            file.seek(0)


def _order_axes(name: str, array: np.ndarray) -> np.ndarray:
    """(name, an array as stored) -> the same with its channels as the last axis, or InputError."""
    shape = array.shape
    if array.dtype != np.uint8:
        cure = "save it as uint8 with values from 0 to 255"
        raise _refuse(name, "an array is no picture of 8 bits", shape, array.dtype, cure)
    if array.ndim == 3:
        if shape[2] in _CHANNELS:
            what = "an array of three axes looks like one picture"
            raise _refuse(name, what, shape, array.dtype, "save it with an axis of N in front")
        pixels = array
    elif array.ndim == 4 and (shape[1] in _CHANNELS) != (shape[3] in _CHANNELS):
        pixels = array if shape[3] in _CHANNELS else array.transpose(0, 2, 3, 1)
    elif array.ndim == 4 and shape[1] in _CHANNELS:
        what = "either of two axes may be the channels"
        cure = "save it as picture files, or the pictures larger than 4 px"
        raise _refuse(name, what, shape, array.dtype, cure)
    else:
        raise _refuse(name, "an array has another form", shape, array.dtype)
    if not 0 < min(pixels.shape[1:3]) <= max(pixels.shape[1:3]) <= _LONGEST:
        what = f"a side of its pictures is not between 1 and {_LONGEST:,} px"
        raise _refuse(name, what, shape, array.dtype)
    return pixels


def _refuse(
    name: str, what: str, shape: tuple[int, ...], dtype: np.dtype, cure: str = ""
) -> InputError:
    return InputError(
        "pictures",
        f"{name}: {what}",
        expected=_EXPECTED,
        got=f"{shape} {dtype}",
        cure=cure or "save it in one of these forms with numpy.save, or take the file away",
    )


def _describe(error: Exception) -> str:
    words = str(error).partition("\n")[0][:100]
    return f"no numpy file that can be read ({words or type(error).__name__})"
