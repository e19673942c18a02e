"""A folder or zip of picture files -> (3, H, W) uint8 pictures, as the competition opens them."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib.base.errors import InputError

# Pillow's own detection would also try EPS, which runs ghostscript.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_BLOCK_BYTES = 1 << 26  # of pixels in memory at once
_CURE = "mend or take away that file; nothing was written"


def read_blocks(path: Path, stage: str) -> Iterator[list[NDArray[np.uint8]]]:
    """A folder or zip, any depth -> lists of (3, H, W) uint8 pictures, sorted by name.

    Hidden files are skipped. Any other file that is not a picture raises an InputError with its
    name.
    """
    block: list[NDArray[np.uint8]] = []
    held = 0
    for name, read in _list_files(path, stage):
        picture = _open(name, read, stage)
        if block and held + picture.nbytes > _BLOCK_BYTES:
            yield block
            block, held = [], 0
        block.append(picture)
        held += picture.nbytes
    if not block:
        want = "PNG, JPEG, GIF, BMP, WEBP, TIFF or PPM files, or shards"
        cure = "name a folder or zip of pictures"
        raise InputError(stage, f"{path} holds no pictures", expected=want, got="none", cure=cure)
    yield block


def _list_files(path: Path, stage: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A folder or zip -> (name below it, function that reads the bytes), sorted by name."""
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
        for name in sorted(files):
            if not _is_hidden(name) and not files[name].is_dir():
                yield name, _reader(files[name])
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not _is_hidden(name) and not name.endswith("/"):
                    yield name, lambda name=name: archive.read(name)  # type: ignore[misc]
    except (OSError, zipfile.BadZipFile) as error:
        what = f"{path} cannot be read"
        raise InputError(stage, what, expected="a zip", got=str(error), cure=_CURE) from error


def _reader(file: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        if not file.is_file():
            raise OSError("neither a file nor a folder")  # reading a pipe might never end
        return file.read_bytes()

    return read


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _open(name: str, read: Callable[[], bytes], stage: str) -> NDArray[np.uint8]:
    """A file -> its first picture, (3, H, W) RGB by Pillow's convert, as the competition does."""
    try:
        with Image.open(io.BytesIO(read()), formats=_FORMATS) as image:
            pixels = np.asarray(image.convert("RGB"))
    except Exception as error:  # plug-ins raise any kind: SyntaxError, struct.error, ...
        got = str(error).partition("\n")[0][:120] or type(error).__name__
        what = f"{name} is no picture that can be read"
        raise InputError(stage, what, expected="a picture", got=got, cure=_CURE) from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
