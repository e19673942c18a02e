"""The input folder -> images to train on, and the real images' features, statistics and floor."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.kernel.config import Config
from lib.kernel.dataset import Decoded, decode_dataset
from lib.kernel.features import Extractor, cached_features, count_missing
from lib.kernel.fid import Statistics, features_to_statistics
from lib.kernel.floor import Floor, measure_floor
from lib.kernel.halving import count_trials
from lib.kernel.plan import Plan, Speeds, plan_run
from lib.kernel.progress import log
from lib.kernel.recipes import AUTO, CANDIDATES
from lib.kernel.seeds import derive_seed
from lib.kernel.storage import read_json, write_json

HOST_POLICY = "host"
_WARM_UP, _TIMED, _TIMED_ON_GPU = 8, 24, 500  # images; a GPU takes as long for 24 as for 100
_CURATE_S = 120.0  # proof and choice together


@dataclass(frozen=True)
class Images:
    """The decoded records."""

    real: np.ndarray  # (N, 3, 32, 32) uint8 by policy host: FID's real side
    training: np.ndarray  # (M, C, 32, 32) uint8 by the recipe's policy; C = 1 where all is grey
    host: Decoded
    own: Decoded  # of the recipe's policy

    @property
    def metrics(self) -> dict[str, Any]:
        """Counts of the recipe's own decoding, as metrics.json holds them."""
        return {
            "policy": self.own.policy,
            "kept": self.own.kept,
            "rejected": sum(self.own.rejected.values()),
            "rejected_by_reason": self.own.rejected,
            "notes": self.own.notes,
            "grey": self.own.grey,
        }


def decode_images(source: Path, cache: Path, config: Config, data_sha256: str) -> Images:
    """Shards in a folder -> both decodings, each kept under its policy's name in the cache."""

    def decode(policy: str) -> Decoded:
        return decode_dataset(source, cache / f"decoded-{data_sha256[:12]}-{policy}", policy)

    host = decode(HOST_POLICY)
    own = host if config.policy == HOST_POLICY else decode(config.policy)
    real, training = host.load_images(), own.load_images()
    if own.grey and not config.is_public:
        log("dataset", "one channel, triplicated at the end (every image is grey)")
        training = training[:, :1]
    elif own.grey:
        log("dataset", "three channels although every image is grey (as the public recipe did)")
    return Images(real, training, host, own)


@dataclass(frozen=True)
class RealSide:
    """What generated images are measured against."""

    features: np.ndarray  # (R, 2048) float32
    statistics: Statistics
    floor: Floor


def split_halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(real images, seed) -> row numbers of two random halves, one to use and one held out."""
    order = np.random.default_rng(derive_seed(seed, "halves")).permutation(count)
    return order[: count // 2], order[count // 2 :]


def use_half(real: RealSide, seed: int) -> Statistics:
    """The real side -> statistics of the half that choices may use; none ever sees the other."""
    half, _ = split_halves(len(real.features), seed)
    return features_to_statistics(real.features[half])


def choose_real(count: int, limit: int, seed: int) -> np.ndarray:
    """(images there are, images that may serve or 0 for all, seed) -> sorted row numbers."""
    if not limit or limit >= count:
        return np.arange(count)
    draw = np.random.default_rng(derive_seed(seed, "real"))
    return np.sort(draw.choice(count, size=limit, replace=False))


def measure_real(images: np.ndarray, extractor: Extractor, cache: Path, config: Config) -> RealSide:
    """(R, 3, 32, 32) uint8 real images -> their features, kept in the cache, and their floor."""
    features = cached_features(images, extractor, cache / "features", HOST_POLICY)
    floor = measure_floor(features, config.floor_draws, config.seed, config.samples)
    words = f"real-real floor {floor.mean:.4g} ± {floor.standard_error:.2g}"
    log("fid", f"{words} ({len(floor.values)} draws, {floor.describe()})")
    return RealSide(features, features_to_statistics(features), floor)


def make_plan(
    saved: Path,
    images: np.ndarray,
    extractor: Extractor,
    cache: Path,
    config: Config,
    left_s: float,
) -> Plan:
    """(file, (N, 3, 32, 32) uint8 real images, seconds left) -> Plan, by the speed measured here.

    A resumed run finds the file and keeps to it.
    """
    if earlier := read_json(saved):
        return Plan(**earlier)
    start = time.monotonic()
    rows = choose_real(len(images), config.real_limit, config.seed)
    missing = count_missing(images[rows], extractor, cache / "features", HOST_POLICY)
    speeds = measure_speeds(images, extractor, config)
    left_s -= time.monotonic() - start
    plan = plan_run(config, left_s, len(rows), missing, speeds)
    write_json(saved, asdict(plan))
    return plan


def measure_speeds(images: np.ndarray, extractor: Extractor, config: Config) -> Speeds:
    """Some real images (N, 3, 32, 32) -> seconds an image that Inception takes here."""
    extractor.extract(images[:_WARM_UP])
    start = time.monotonic()
    on_gpu = extractor.device.type == "cuda"
    sample = np.unique(
        images[: _TIMED_ON_GPU if on_gpu else _TIMED], axis=0
    )  # equal images pass the network once
    extractor.extract(sample)
    feature_s = (time.monotonic() - start) / len(sample)
    sample_s = 0.001 if config.is_public else 0.006 if on_gpu else 0.02
    sample_s = 0.06 if config.recipe == "edm" else sample_s  # 35 passes of a U-Net
    trials = count_trials(len(CANDIDATES)) if config.recipe == AUTO else 0
    log("plan", f"features take {feature_s * 1000:.1f} ms an image (measured)")
    return Speeds(feature_s, sample_s, _CURATE_S, config.samples, trials)
