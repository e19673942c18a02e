"""A machine, a recipe and a few images -> seconds that each kind of work takes here."""

import dataclasses
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lib.base.log import log
from lib.kernel.competition.decode_block import decode_block
from lib.kernel.competition.decode_policy import get_policy
from lib.kernel.competition.shard_lines import DataDigest, read_blocks
from lib.kernel.competition.shards import Shard
from lib.kernel.config import Config, as_candidate
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, frechet_distance
from lib.kernel.metrics.inception import FEATURES
from lib.kernel.recipes.table import AUTO, CANDIDATES
from lib.kernel.sampling.draw import count_drawn, time_drawing
from lib.kernel.sampling.model_file import build_network
from lib.kernel.sizes import suit_sizes

_ENOUGH_S = 2.0  # of Inception, to learn its speed
_BATCHES = 4  # of Inception at most, after one that warms up
_ROWS = 500  # of the FID that is timed
_FIDS = 60.0  # such FIDs that closing takes: FID, KID, precision and recall, neighbours
_CLOSING_S = 8.0  # the CSV, the zip, the report
_CPU_VERIFIED = 64  # rows whose features are computed anew on a CPU; on a GPU all are
_CURATE_S = 120.0  # proof and choice together
_SOME_CODES = 16  # of pixel, whose speed does not depend on them


@dataclass(frozen=True)
class Speeds:
    """Seconds that work takes on this machine, measured under its present load."""

    feature_s: float  # to measure an image that passes the network
    sample_s: float  # to draw an image; of recipe auto the mean of its candidates
    closing_s: float = 30.0  # all that follows the submission's features
    curate_s: float = _CURATE_S  # the whole of curation
    at_once: int = 1  # images that are always drawn together

    @property
    def image_s(self) -> float:
        """To draw an image and measure it."""
        return self.feature_s + self.sample_s

    def cost_s(self, count: int) -> float:
        """How many images -> seconds to draw and measure them; chunks are drawn whole."""
        drawn = -(-count // self.at_once) * self.at_once
        return drawn * self.sample_s + count * self.feature_s


@dataclass(frozen=True)
class Glance:
    """The first images of the shards, and how many records there are at least."""

    images: np.ndarray  # (N, 1 or 3, 32, 32) uint8; N is 0 where the first block holds none
    records: int


def glance_at(shards: Iterable[Shard], policy: str, most: int) -> Glance:
    """(shards, policy, records to count at most) -> Glance; reads and decodes no more than that."""
    images, records = np.empty((0, 1, 32, 32), np.uint8), 0
    for block in read_blocks(shards, DataDigest()):
        records += block.data.count(b"\n") + (not block.data.endswith(b"\n"))
        if not len(images):
            images = decode_block(block, get_policy(policy)).pixels
        if records >= most:
            break
    return Glance(images, records)


def find_channels(glance: Glance, config: Config) -> int:
    """(the first images, config) -> channels of the pictures that will be drawn, most likely."""
    return 3 if config.is_public or not len(glance.images) else glance.images.shape[1]


def measure_speeds(config: Config, device: Device, extractor: Extractor, channels: int) -> Speeds:
    """(config, device, extractor, channels of the pictures) -> Speeds, printed."""
    feature_s = time_features(extractor)
    sample_s = _time_recipes(config, device, channels)
    closing_s = _CLOSING_S + _FIDS * _time_fid() + count_verified(config, device) * feature_s
    words = f"features take {feature_s * 1000:.1f} ms an image, drawing {sample_s * 1000:.1f} ms"
    log("plan", f"{words} (measured)")
    return Speeds(feature_s, sample_s, closing_s, at_once=count_drawn(1, device))


def count_verified(config: Config, device: Device) -> int:
    """(config, device) -> rows of the submission whose features are computed anew at the end."""
    return config.samples if device.is_cuda else min(_CPU_VERIFIED, config.samples)


def time_features(extractor: Extractor) -> float:
    """An extractor -> seconds an image, by whole batches of distinct images of noise.

    The first batch, which warms up, counts only where it took longer than is needed.
    """
    size = extractor.batch
    noise = np.random.default_rng(0).integers(0, 256, (_BATCHES + 1, size, 3, 32, 32), np.uint8)
    started = time.monotonic()
    extractor.extract(noise[0])
    if (warm_s := time.monotonic() - started) > 2 * _ENOUGH_S:
        return warm_s / size
    started, batches = time.monotonic(), 0
    while batches < _BATCHES and time.monotonic() - started < _ENOUGH_S:
        batches += 1
        extractor.extract(noise[batches])
    return (time.monotonic() - started) / (batches * size)


def _time_recipes(config: Config, device: Device, channels: int) -> float:
    """A config -> seconds to draw an image, by an untrained network; of auto the mean."""
    if config.recipe == AUTO:
        each = [_time_recipes(as_candidate(config, name), device, channels) for name in CANDIDATES]
        return sum(each) / len(each)
    sized = config if config.is_public else suit_sizes(config, device.is_cuda)
    sized = dataclasses.replace(sized, codes=config.codes or _SOME_CODES)
    network = build_network(sized, channels)
    network.to(device.torch_device).eval().requires_grad_(False)
    return time_drawing(network, sized, device)


def _time_fid() -> float:
    """-> seconds that one FID of _ROWS images takes here."""
    features = np.random.default_rng(0).standard_normal((_ROWS, FEATURES))
    real = Statistics(np.zeros(FEATURES), np.eye(FEATURES), 10 * FEATURES)
    started = time.monotonic()
    frechet_distance(features, real, exact=False)
    return time.monotonic() - started
