"""uint8 images, real or generated -> Inception features, by the official path or a named other.

On a CPU equal images have equal features to the bit: alone or among others, before and after a
resumption, with the same torch. For the network sees batches of one size alone, the last one filled
up, each on one core, and an image's features do not depend on its neighbours in the batch. Another
machine may differ in the last bits.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lib.base.errors import InputError, PipelineError
from lib.base.files import sha256_file
from lib.base.log import Progress, log
from lib.kernel.configuration.aliases import name_in_caches
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.configuration.config import OFFICIAL, Config
from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.device import Device
from lib.kernel.metrics.feature_cache import ChunkStore, find_distinct, hash_key
from lib.kernel.metrics.inception import (
    INPUT_PX,
    RANDOM_PX,
    fold_batch_norms,
    load_inception,
)
from lib.kernel.metrics.preprocess import Preprocessing, list_preprocessings, resize_on_device

Images = NDArray[np.uint8]
Features = NDArray[np.float32]

_CPU_BATCH = 8  # measured: larger ones leave the cache, smaller ones starve the second core
_GPU_BATCH = 100
_RESIZE_THREADS = 4  # Pillow resizes outside the interpreter's lock
_AHEAD = 3  # batches resized while a GPU works
_CHUNK = 1000  # images a file of the cache


@dataclass(frozen=True)
class Extractor:
    """A network with its preprocessing: everything between an image and its 2,048 features."""

    network: nn.Module
    preprocessing: Preprocessing
    device: torch.device
    dtype: torch.dtype  # of the network; float32 on the exact path
    is_fast: bool  # resized on the device, in `dtype`: for training, never for what is reported
    weights: str  # for the report
    weights_hash: str  # a part of the cache's key

    @property
    def batch(self) -> int:
        """Images that always pass the network together."""
        return _GPU_BATCH if self.device.type == "cuda" else _CPU_BATCH

    def describe(self) -> str:
        """Name network, weights, preprocessing and path in one sentence for the report."""
        network = "TF-ported Inception-V3" if self.preprocessing.tf_layout else "Inception-V3"
        kind = str(self.dtype).removeprefix("torch.")
        path = (
            f"fast path ({kind}, resized on the device)" if self.is_fast else f"exact path, {kind}"
        )
        return f"{network}, {self.weights}; {self.preprocessing.words}; {path}"

    def extract(self, images: Images) -> Features:
        """(N, 3, H, W) uint8 -> (N, 2048) float32."""
        return extract_features(images, self)


def load_extractor(
    config: Config,
    weights: Path | None,
    device: Device,
    *,
    fast: bool = False,
    use_tf_layout: Callable[[nn.Module], None] | None = None,
) -> Extractor:
    """(Config, weights file or None for random ones, Device) -> Extractor, described in the log.

    The fast path needs the official preprocessing; on a CPU its resize alone differs. Random
    weights read pictures of RANDOM_PX, a twelfth of the work: their features mean nothing anyway.
    """
    way = list_preprocessings(RANDOM_PX if weights is None else INPUT_PX)[config.preprocessing]
    tf_layout = use_tf_layout if way.tf_layout else None
    assert tf_layout or not way.tf_layout, "a kernel without it refuses that preprocessing"
    place = device.torch_device
    network = load_inception(weights, config.seed, place, use_tf_layout=tf_layout)
    fold_batch_norms(network)
    is_fast = fast and way.name == OFFICIAL
    dtype = (device.amp_dtype if is_fast else None) or torch.float32
    network.to(dtype=dtype)
    if not device.is_cuda or dtype != torch.float32:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if weights is None:
        digest = f"random-{config.seed}-{RANDOM_PX}px"
        words = f"RANDOM WEIGHTS of seed {config.seed}, pictures of {RANDOM_PX} px"
    else:
        digest = sha256_file(weights)
        words = f"weights {weights.name} (sha256 {digest[:8]})"
    extractor = Extractor(network, way, device.torch_device, dtype, is_fast, words, digest)
    log("features", extractor.describe())
    return extractor


def extract_features(images: Images, extractor: Extractor) -> Features:
    """(N, 3, H, W) uint8 -> (N, 2048) float32; each distinct image passes the network once."""
    _check_images(images)
    first, place = find_distinct(images)
    progress = Progress("features", len(first), "images")
    return _run_network(images, first, extractor, progress, 0)[place]


def cached_features(
    images: Images,
    extractor: Extractor,
    folder: Path,
    key: str,
    *,
    least: int = 0,
    deadline: float = math.inf,
) -> Features:
    """(N, 3, H, W) uint8, a cache folder, a key -> (N, 2048) float32, kept in that folder.

    They are kept in verified chunks, under a hash of images, weights, preprocessing, device, torch
    and `key`. The same call later reads them. A broken chunk is computed again, and a call that was
    stopped goes on after its last whole chunk. The deadline is a value of time.monotonic(). Where
    the next chunk would end after it, the first rows alone come back, `least` of them or more.
    """
    _check_images(images)
    first, place = find_distinct(images)
    store = _open_store(images, extractor, folder, key)
    note = f", {len(first):,} of them distinct" if len(first) < len(images) else ""
    log("features", f"{len(images):,} images{note}")
    progress = Progress("features", len(first), "images")
    chunks: list[Features] = []
    each_s = 0.0  # of the newest images that passed the network
    for start in range(0, len(first), _CHUNK):
        rows = first[start : start + _CHUNK]
        whole = int(first[start])  # rows before it have their features by now
        if whole >= max(least, 1) and time.monotonic() + each_s * len(rows) > deadline:
            log("features", f"{whole:,} of {len(images):,} images: the clock leaves no time")
            return np.concatenate(chunks)[place[:whole]]
        chunk = store.read(start // _CHUNK, len(rows))
        if chunk is None:
            started = time.monotonic()
            chunk = _run_network(images, rows, extractor, progress, start)
            each_s = (time.monotonic() - started) / len(rows)
            store.write(start // _CHUNK, chunk)
        chunks.append(chunk)
    store.write_places(place)
    return np.concatenate(chunks)[place]


def count_missing(images: Images, extractor: Extractor, folder: Path, key: str) -> int:
    """Arguments of cached_features -> how many images would have to pass the network."""
    first, _ = find_distinct(images)
    store = _open_store(images, extractor, folder, key)
    chunks = [first[start : start + _CHUNK] for start in range(0, len(first), _CHUNK)]
    return sum(len(rows) for k, rows in enumerate(chunks) if store.read(k, len(rows)) is None)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compute the block in true float32, without TF32, and with cuDNN's repeatable kernels."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _open_store(images: Images, extractor: Extractor, folder: Path, key: str) -> ChunkStore:
    parts = (
        *(
            extractor.weights_hash,
            name_in_caches(extractor.preprocessing.name),
            str(extractor.is_fast),
        ),
        *(str(extractor.dtype), extractor.device.type, torch.__version__, key),
    )
    return ChunkStore(folder / hash_key(images, parts), FEATURES)


def _run_network(
    images: Images, rows: NDArray[np.int64], extractor: Extractor, progress: Progress, done: int
) -> Features:
    """Images, the rows to take -> (rows, 2048) float32, in batches of one size."""
    size = extractor.batch
    result = np.empty((len(rows), FEATURES), np.float32)
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    on_gpu = extractor.device.type == "cuda"
    stream = _stream_on_gpu if on_gpu else _stream_on_cpu
    at = 0
    progress.update(done)
    for features in stream(images, batches, size, extractor):
        result[at : at + len(features)] = features
        at += len(features)
        progress.update(done + at)
    if not np.isfinite(result).all():
        raise PipelineError(
            "features",
            "the network's output is not finite",
            expected="finite numbers",
            got=extractor.describe(),
            cure="check the weights file; on the fast path try the exact one",
        )
    return result


def _stream_on_cpu(
    images: Images, batches: list[NDArray[np.int64]], size: int, extractor: Extractor
) -> Iterator[Features]:
    """Row numbers in batches -> the features of each; every core has a batch of its own.

    If cores shared a batch, each of the network's 94 layers would wait for the slowest core. On a
    machine that others use as well, that wait is most of the time.
    """

    def measure(batch: NDArray[np.int64]) -> Features:
        with torch.inference_mode():
            pictures = _resize(images[np.resize(batch, size)], extractor)
            features = extractor.network(_prepare(pictures, extractor))
        return np.asarray(features[: len(batch)].float().numpy())

    alone = Device(extractor.device, None, "cpu")
    with exact_arithmetic(), Cores(alone) as cores:
        yield from cores.stream(measure, batches)


def _stream_on_gpu(
    images: Images, batches: list[NDArray[np.int64]], size: int, extractor: Extractor
) -> Iterator[Features]:
    """Row numbers in batches -> the features of each; a few are resized ahead of use."""

    def prepare(batch: NDArray[np.int64]) -> Tensor:
        return _resize(images[np.resize(batch, size)], extractor)

    with ThreadPoolExecutor(_RESIZE_THREADS) as pool:
        waiting = [pool.submit(prepare, batch) for batch in batches[:_AHEAD]]
        for number, batch in enumerate(batches):
            pictures = waiting.pop(0).result()
            if number + _AHEAD < len(batches):
                waiting.append(pool.submit(prepare, batches[number + _AHEAD]))
            with exact_arithmetic(), torch.inference_mode():
                features = extractor.network(_prepare(pictures, extractor))
            yield features[: len(batch)].float().cpu().numpy()


def _resize(images: Images, extractor: Extractor) -> Tensor:
    """(B, 3, H, W) uint8 -> (B, 3, px, px) as preprocessing.resize gives; unchanged if fast."""
    if extractor.is_fast:
        return torch.from_numpy(images)
    return torch.stack([extractor.preprocessing.resize(image) for image in images])


def _prepare(pictures: Tensor, extractor: Extractor) -> Tensor:
    """What _resize gives -> the network's input on its device."""
    pictures = pictures.to(extractor.device)
    if extractor.is_fast:
        scaled = resize_on_device(pictures, extractor.preprocessing.px).to(extractor.dtype)
    else:
        scaled = extractor.preprocessing.scale(pictures)
    if extractor.device.type == "cuda" and extractor.dtype == torch.float32:
        return scaled.contiguous()
    return scaled.contiguous(memory_format=torch.channels_last)


def _check_images(images: Images) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8 or not len(images):
        raise InputError(
            "features",
            "the images have the wrong form",
            expected="(N, 3, H, W) uint8 with N of at least 1",
            got=f"{images.shape} {images.dtype}",
            cure="triplicate grey images; keep pixels in 0..255",
        )
