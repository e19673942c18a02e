"""uint8 images, real or generated -> Inception features, by the host's exact path or a named other.

What is guaranteed on a CPU: the network always sees batches of one size, the last one filled up,
and an image's features do not depend on its neighbours in the batch. So equal images have equal
features, to the bit, alone or among others, before and after a resumption, with the same torch
and number of threads. Another machine or thread count may differ in the last bits.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lib.kernel.config import Config
from lib.kernel.errors import InputError, PipelineError
from lib.kernel.feature_cache import ChunkStore, find_distinct, hash_key
from lib.kernel.inception import FEATURES, fold_batch_norms, load_inception
from lib.kernel.preprocess import Preprocessing, list_preprocessings, resize_on_device
from lib.kernel.progress import Progress, log
from lib.kernel.runtime import Device
from lib.kernel.storage import sha256_file

Images = NDArray[np.uint8]
Features = NDArray[np.float32]

_CPU_BATCH = 8  # measured: larger ones leave the cache, smaller ones starve the second core
_GPU_BATCH = 100
_RESIZE_THREADS = 4  # Pillow resizes outside the interpreter's lock
_AHEAD = 3  # batches resized while the network works
_CHUNK = 1000  # images between two savings


@dataclass(frozen=True)
class Extractor:
    """A network with its preprocessing: everything between an image and its 2,048 features."""

    network: nn.Module
    preprocessing: Preprocessing
    device: torch.device
    dtype: torch.dtype  # of the network; float32 on the exact path
    is_fast: bool  # resized on the device, in `dtype`: for training, never for what is reported
    weights: str  # for the report
    weights_hash: str  # of the cache's key

    def describe(self) -> str:
        """Nothing -> one sentence for the report: network, weights, preprocessing, path."""
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
    config: Config, weights: Path | None, device: Device, *, fast: bool = False
) -> Extractor:
    """(Config, weights file or None for random ones, Device) -> Extractor; says which it is.

    The fast path needs the host's preprocessing; on a CPU it differs by the resize alone.
    """
    way = list_preprocessings()[config.preprocessing]
    network = load_inception(weights, config.seed, device.torch_device, tf_layout=way.tf_layout)
    fold_batch_norms(network)
    is_fast = fast and way.name == "host"
    dtype = (device.amp_dtype if is_fast else None) or torch.float32
    network.to(dtype=dtype)
    if not device.is_cuda or dtype != torch.float32:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if weights is None:
        digest, words = f"random-{config.seed}", f"RANDOM WEIGHTS of seed {config.seed}"
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


def cached_features(images: Images, extractor: Extractor, folder: Path, key: str) -> Features:
    """(N, 3, H, W) uint8, a cache folder, what else decides -> (N, 2048) float32, kept there.

    Kept in verified chunks under a hash of images, weights, preprocessing, device, torch and
    `key` (the decoding policy): the same call again reads them, a broken one is computed again,
    and a stopped one goes on after its last whole chunk.
    """
    _check_images(images)
    first, place = find_distinct(images)
    store = _open_store(images, extractor, folder, key)
    note = f", {len(first):,} of them distinct" if len(first) < len(images) else ""
    log("features", f"{len(images):,} images{note}")
    progress = Progress("features", len(first), "images")
    chunks = []
    for start in range(0, len(first), _CHUNK):
        rows = first[start : start + _CHUNK]
        chunk = store.read(start // _CHUNK, len(rows))
        if chunk is None:
            chunk = _run_network(images, rows, extractor, progress, start)
            store.write(start // _CHUNK, chunk)
        chunks.append(chunk)
    store.write_places(place)
    return np.concatenate(chunks)[place]


def count_missing(images: Images, extractor: Extractor, folder: Path, key: str) -> int:
    """As cached_features -> how many images would have to pass the network."""
    first, _ = find_distinct(images)
    store = _open_store(images, extractor, folder, key)
    chunks = [first[start : start + _CHUNK] for start in range(0, len(first), _CHUNK)]
    return sum(len(rows) for k, rows in enumerate(chunks) if store.read(k, len(rows)) is None)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Within the block float32 is float32 (no TF32) and cuDNN takes repeatable kernels."""
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
        *(extractor.weights_hash, extractor.preprocessing.name, str(extractor.is_fast)),
        *(str(extractor.dtype), extractor.device.type, torch.__version__, key),
    )
    return ChunkStore(folder / hash_key(images, parts), FEATURES)


def _run_network(
    images: Images, rows: NDArray[np.int64], extractor: Extractor, progress: Progress, done: int
) -> Features:
    """Images, the rows to take -> (rows, 2048) float32, in batches of one size."""
    size = _GPU_BATCH if extractor.device.type == "cuda" else _CPU_BATCH
    result = np.empty((len(rows), FEATURES), np.float32)
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    at = 0
    with exact_arithmetic(), torch.inference_mode():
        for batch, pictures in _resize_ahead(images, batches, size, extractor):
            features = extractor.network(_prepare(pictures, extractor))
            result[at : at + len(batch)] = features[: len(batch)].float().cpu().numpy()
            at += len(batch)
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


def _resize_ahead(
    images: Images, batches: list[NDArray[np.int64]], size: int, extractor: Extractor
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Row numbers in batches -> (batch, its pictures filled up to `size`), a few ahead of use."""

    def prepare(batch: NDArray[np.int64]) -> Tensor:
        filled = images[np.resize(batch, size)]
        if extractor.is_fast:
            return torch.from_numpy(filled)
        return torch.stack([extractor.preprocessing.resize(image) for image in filled])

    with ThreadPoolExecutor(_RESIZE_THREADS) as pool:
        waiting = [pool.submit(prepare, batch) for batch in batches[:_AHEAD]]
        for number, batch in enumerate(batches):
            pictures = waiting.pop(0).result()
            if number + _AHEAD < len(batches):
                waiting.append(pool.submit(prepare, batches[number + _AHEAD]))
            yield batch, pictures


def _prepare(pictures: Tensor, extractor: Extractor) -> Tensor:
    """A batch of resize's kind (fast path: raw images) -> the network's input on its device."""
    pictures = pictures.to(extractor.device)
    if extractor.is_fast:
        scaled = resize_on_device(pictures).to(extractor.dtype)
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
