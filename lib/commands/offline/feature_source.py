"""Features, pictures, shards, a pool or a run's cache -> (N, 2048) features in their order."""

import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib.base.errors import InputError
from lib.commands.offline.cached_features import read_cached
from lib.commands.offline.picture_files import read_blocks
from lib.kernel.competition.gan_challenge.dataset import IMAGES_FILE, decode_dataset
from lib.kernel.competition.gan_challenge.shards import find_shards
from lib.kernel.competition.images.dataset import IMAGES_FILE as SQUARES_FILE
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.configuration.config import OFFICIAL, RANDOM_WEIGHTS, Config
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.feature_cache import CHUNKS
from lib.kernel.metrics.features import Extractor, extract_features, load_extractor
from lib.kernel.metrics.inception import RANDOM_WARNING
from lib.kernel.metrics.inception_tf import use_tf_layout
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.metrics.weights_kind import refuse_wrong_kind

KINDS = "features or images as .npy, a folder or zip of pictures or shards, a run's cached features"
Images = NDArray[np.uint8]
Features = NDArray[np.floating]


@dataclass(frozen=True)
class Source:
    """Where features come from; `weights` are used only where pictures must pass the network."""

    path: Path
    weights: str | None = None  # a file, "random", or None: found as in a kernel
    policy: str = OFFICIAL  # of shards
    stage: str = "features"  # named in its errors


def read_features(source: Source) -> Features:
    """A Source -> (N, 2048) floats, half precision as float32; progress goes to stderr."""
    _refuse_wrong_weights(source)
    with redirect_stdout(sys.stderr):
        folder = _find_cache(source)
        if folder is not None:
            return read_cached(folder)
        if not _is_container(source.path):
            array = _read_array(source)
            if np.issubdtype(array.dtype, np.floating):
                return array.astype(np.float32) if array.dtype.itemsize < 4 else np.array(array)
    return extract_source(source)[0]


def extract_source(source: Source) -> tuple[NDArray[np.float32], Extractor]:
    """A Source of images -> (N, 2048) float32 by the exact path, and the extractor."""
    _refuse_wrong_weights(source)
    with redirect_stdout(sys.stderr), closing(_read_images(source)) as blocks:
        first = next(blocks)  # unreadable pictures are reported before weights are needed
        extractor = _load_network(source)
        parts = [_extract_block(first, extractor)]
        parts += [_extract_block(block, extractor) for block in blocks]
        return np.concatenate(parts), extractor


def _refuse_wrong_weights(source: Source) -> None:
    """Raise InputError for a wrong weights file, before anything slow is read."""
    if source.weights and source.weights != RANDOM_WEIGHTS:
        refuse_wrong_kind(Path(source.weights))


def _is_container(path: Path) -> bool:
    if path.suffix.lower() in (".npy", ".npz"):
        return False
    return path.is_dir() or (path.is_file() and zipfile.is_zipfile(path)) or _is_shard(path)


def _is_shard(path: Path) -> bool:
    return path.name.lower().endswith((".jsonl", ".jsonl.gz", ".zip"))


def _find_cache(source: Source) -> Path | None:
    """A folder of cached features, or one that holds a single such folder -> it; else None."""
    if not source.path.is_dir():
        return None
    if any(source.path.glob(CHUNKS)):
        return source.path
    found = sorted({chunk.parent for chunk in source.path.glob(f"*/{CHUNKS}")})
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found[:4])
        raise InputError(
            source.stage,
            f"{source.path} holds the features of {len(found)} sets of images",
            expected="one folder of features-0000.bin ...",
            got=names,
            cure="name one of them",
        )
    return found[0] if found else None


def _read_array(source: Source) -> NDArray[Any]:
    """A .npy file -> floats, or uint8 images of four axes, memory-mapped."""
    path = source.path
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _complain(source, f"{path} cannot be read", str(error).partition("\n")[0]) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise _complain(source, f"{path} holds no features", "an archive")
    if np.issubdtype(array.dtype, np.floating):
        return array
    if array.dtype != np.uint8 or array.ndim != 4:
        raise _complain(source, f"{path} holds no features", f"{array.shape} {array.dtype}")
    return array


def _read_images(source: Source) -> Generator[list[Images] | Images, None, None]:
    """Yield blocks of pictures, in order, of a pool or of a folder or zip of shards or pictures."""
    if not _is_container(source.path):
        yield _read_pool(source)
        return
    for decoded in (source.path / IMAGES_FILE, source.path / SQUARES_FILE):
        if decoded.is_file():
            yield _read_pool(replace(source, path=decoded))
            return
    try:
        find_shards(source.path)
    except InputError:
        if not source.path.is_dir() and not zipfile.is_zipfile(source.path):
            raise
        yield from read_blocks(source.path, source.stage)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield decode_dataset(source.path, Path(folder), source.policy).load_images()


def _read_pool(source: Source) -> Images:
    """A .npy file of (N, 1 or 3, 32, 32) uint8 -> (N, 3, 32, 32)."""
    array = _read_array(source)
    if array.dtype != np.uint8 or array.shape[1] not in (1, 3) or not len(array):
        raise _complain(source, f"{source.path} holds no images", f"{array.shape} {array.dtype}")
    return np.repeat(array, 3, axis=1) if array.shape[1] == 1 else np.ascontiguousarray(array)


def _extract_block(block: list[Images] | Images, extractor: Extractor) -> NDArray[np.float32]:
    """Pictures of any sizes -> (N, 2048) float32; those of one size pass the network together."""
    if isinstance(block, np.ndarray):
        return extract_features(block, extractor)
    features = np.empty((len(block), FEATURES), np.float32)
    for shape in sorted({picture.shape for picture in block}):
        rows = [row for row, picture in enumerate(block) if picture.shape == shape]
        features[rows] = extract_features(np.stack([block[row] for row in rows]), extractor)
    return features


def _load_network(source: Source) -> Extractor:
    """A Source -> the exact extractor with its weights, which are found as in a kernel."""
    config, weights = Config(), None
    if source.weights == RANDOM_WEIGHTS:
        print(RANDOM_WARNING, file=sys.stderr)
    else:
        given = Path(source.weights) if source.weights else None
        name, digest = config.weights_file, config.weights_sha256
        if given:
            name, digest = given.name, ""
        weights = find_weights(name, digest, given, source.path)
    return load_extractor(config, weights, choose_device(), use_tf_layout=use_tf_layout)


def _complain(source: Source, what: str, got: str) -> InputError:
    cure = "give an array as numpy.save wrote it"
    return InputError(source.stage, what, expected=KINDS, got=got, cure=cure)
