"""The real images that generated ones are measured against: features, statistics, floor."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.kernel.configuration.config import Config
from lib.kernel.metrics.features import Extractor, cached_features, count_missing
from lib.kernel.metrics.fid import Statistics, features_to_statistics
from lib.kernel.metrics.floor import Floor, measure_floor

_CACHE_KEY = "host"  # of real images' features in the cache, as earlier versions wrote it


@dataclass(frozen=True)
class Reference:
    """What generated images are measured against."""

    features: np.ndarray  # (R, 2048) float32
    statistics: Statistics
    floor: Floor


def split_halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(number of real images, seed) -> row numbers of the validation half and of the test half."""
    order = np.random.default_rng(derive_seed(seed, "halves")).permutation(count)
    return order[: count // 2], order[count // 2 :]


def validation_half(reference: Reference, seed: int) -> Statistics:
    """(reference, seed) -> Statistics of the validation half, by which choices are made."""
    half, _ = split_halves(len(reference.features), seed)
    return features_to_statistics(reference.features[half])


def choose_real(count: int, limit: int, seed: int) -> np.ndarray:
    """(number of images, most of them to take or 0 for all, seed) -> sorted row numbers."""
    if not limit or limit >= count:
        return np.arange(count)
    draw = np.random.default_rng(derive_seed(seed, "real"))
    return np.sort(draw.choice(count, size=limit, replace=False))


def count_unmeasured(images: np.ndarray, extractor: Extractor, cache: Path) -> int:
    """(R, 3, S, S) uint8 real images -> how many have no features in the cache yet."""
    return count_missing(images, extractor, cache / "features", _CACHE_KEY)


def extract_real(images: np.ndarray, extractor: Extractor, cache: Path) -> np.ndarray:
    """(R, 3, S, S) uint8 real images -> (R, 2048) float32, kept in the cache."""
    return cached_features(images, extractor, cache / "features", _CACHE_KEY)


def measure_reference(
    images: np.ndarray, extractor: Extractor, cache: Path, config: Config
) -> Reference:
    """(R, 3, S, S) uint8 real images -> their features, kept in the cache, and their floor."""
    features = extract_real(images, extractor, cache)
    floor = measure_floor(features, config.floor_draws, config.seed, config.samples)
    words = f"real-real floor {floor.mean:.4g} ± {floor.standard_error:.2g}"
    log("fid", f"{words} ({len(floor.values)} draws, {floor.describe()})")
    return Reference(features, features_to_statistics(features), floor)
