"""Files in MNIST's idx format -> real 28x28 pictures on 32x32 canvases."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from lib.base.errors import InputError
from lib.base.seeds import derive_seed
from lib.kernel.configuration.challenge import IMAGE_PX

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_FILES = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
_MAGIC = bytes([0, 0, 8, 3])  # unsigned bytes in three dimensions


def read_idx(path: Path) -> np.ndarray:
    """An idx file of images, gzipped or not -> (N, H, W) uint8."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, str(error)) from None
    if content[:4] != _MAGIC:
        raise _unreadable(path, f"a file that begins with {content[:4]!r}")
    shape = tuple(np.frombuffer(content, ">u4", count=3, offset=4).astype(int).tolist())
    if len(content) != 16 + np.prod(shape):
        raise _unreadable(path, f"{len(content):,} bytes for {shape}")
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)


def read_fashion(source: Path) -> np.ndarray:
    """An idx file, or Fashion-MNIST's folder -> (N, 28, 28) uint8, training set first."""
    if source.is_file():
        return read_idx(source)
    found = [source / name for name in _FILES if (source / name).is_file()]
    if not found:
        raise InputError(
            "synth",
            "there are no Fashion-MNIST images",
            expected=f"{_FILES[0]} in a folder, or an idx file",
            got=str(source),
            cure="install Debian's dataset-fashion-mnist, or name the place with --source",
        )
    return np.concatenate([read_idx(path) for path in found])


def place_on_canvas(images: np.ndarray, seed: int) -> np.ndarray:
    """(N, h, w) uint8, h and w up to 32 -> (N, 32, 32) uint8, each at an offset drawn at random."""
    count, height, width = images.shape
    if max(height, width) > IMAGE_PX:
        raise InputError(
            "synth", "the images are too large", expected="32x32", got=f"{width}x{height}"
        )
    draw = np.random.default_rng(derive_seed(seed, "canvas"))
    tops = draw.integers(0, IMAGE_PX - height + 1, size=count)
    lefts = draw.integers(0, IMAGE_PX - width + 1, size=count)
    canvas = np.zeros((count, IMAGE_PX, IMAGE_PX), np.uint8)
    rows = tops[:, None, None] + np.arange(height)[:, None]
    columns = lefts[:, None, None] + np.arange(width)
    canvas[np.arange(count)[:, None, None], rows, columns] = images
    return canvas


def _unreadable(path: Path, got: str) -> InputError:
    return InputError(
        "synth",
        f"{path} cannot be read",
        expected="an idx file of uint8 images",
        got=got,
        cure="fetch the file again, or name another with --source",
    )
