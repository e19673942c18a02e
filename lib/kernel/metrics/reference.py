"""The input folder -> images to train on, and the real images' features, statistics and floor."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.files import write_json
from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.kernel.competition.dataset import Decoded, decode_dataset
from lib.kernel.competition.unseen import fit_unseen, load_ids, part_images, set_aside
from lib.kernel.config import Config
from lib.kernel.metrics.features import Extractor, cached_features, count_missing
from lib.kernel.metrics.fid import Statistics, features_to_statistics
from lib.kernel.metrics.floor import Floor, measure_floor
from lib.kernel.plan import LEAST_REAL, Plan, demand_time, plan_run
from lib.kernel.speeds import Speeds

HOST_POLICY = "host"


@dataclass(frozen=True)
class Images:
    """The decoded records."""

    real: np.ndarray  # (N, 3, 32, 32) uint8 by policy host: FID's real side
    training: np.ndarray  # (M, C, 32, 32) uint8 by the recipe's policy; C = 1 where all is grey
    host: Decoded
    own: Decoded  # of the recipe's policy
    unseen: np.ndarray  # (U, 3, 32, 32) uint8 by policy host: set aside, in neither of the above
    unseen_own: np.ndarray  # (V, C, 32, 32) uint8: of the same records, by the recipe's policy
    unseen_note: str  # how many were set aside, or why none

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
            "unseen": len(self.unseen),
            "unseen_note": self.unseen_note,
            "fid_unseen": None,
        }


def decode_images(
    source: Path, cache: Path, config: Config, data_sha256: str, work: Path
) -> Images:
    """Shards in a folder -> both decodings, each kept under its policy's name in the cache.

    The training folder `work` tells which images its weights never saw, see set_aside.
    """

    def decode(policy: str) -> Decoded:
        return decode_dataset(source, cache / f"decoded-{data_sha256[:12]}-{policy}", policy)

    host = decode(HOST_POLICY)
    own = host if config.policy == HOST_POLICY else decode(config.policy)
    aside = set_aside(load_ids(host), config, work)
    log("unseen", aside.note)
    real, unseen = part_images(host, aside.ids)
    training, unseen_own = part_images(own, aside.ids)
    if own.grey and not config.is_public:
        log("dataset", "one channel, triplicated at the end (every image is grey)")
        training, unseen_own = training[:, :1], unseen_own[:, :1]
    elif own.grey:
        log("dataset", "three channels although every image is grey (as the public recipe did)")
    return Images(real, training, host, own, unseen, unseen_own, aside.note)


@dataclass(frozen=True)
class Reference:
    """What generated images are measured against."""

    features: np.ndarray  # (R, 2048) float32
    statistics: Statistics
    floor: Floor


def split_halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(real images, seed) -> row numbers of two random halves, one to use and one held out."""
    order = np.random.default_rng(derive_seed(seed, "halves")).permutation(count)
    return order[: count // 2], order[count // 2 :]


def validation_half(real: Reference, seed: int) -> Statistics:
    """The real side -> statistics of the half that choices may use; none ever sees the other."""
    half, _ = split_halves(len(real.features), seed)
    return features_to_statistics(real.features[half])


def choose_real(count: int, limit: int, seed: int) -> np.ndarray:
    """(images there are, images that may serve or 0 for all, seed) -> sorted row numbers."""
    if not limit or limit >= count:
        return np.arange(count)
    draw = np.random.default_rng(derive_seed(seed, "real"))
    return np.sort(draw.choice(count, size=limit, replace=False))


def measure_reference(
    images: np.ndarray, extractor: Extractor, cache: Path, config: Config
) -> Reference:
    """(R, 3, 32, 32) uint8 real images -> their features, kept in the cache, and their floor."""
    features = cached_features(images, extractor, cache / "features", HOST_POLICY)
    floor = measure_floor(features, config.floor_draws, config.seed, config.samples)
    words = f"real-real floor {floor.mean:.4g} ± {floor.standard_error:.2g}"
    log("fid", f"{words} ({len(floor.values)} draws, {floor.describe()})")
    return Reference(features, features_to_statistics(features), floor)


def make_plan(
    saved: Path,
    images: Images,
    extractor: Extractor,
    cache: Path,
    config: Config,
    left_s: float,
    speeds: Speeds,
) -> Plan:
    """(file, decoded images, seconds left, measured speeds) -> Plan, kept in that file.

    A resumed run finds the file and keeps to it. InputError where training would get too little.
    """
    on_gpu = extractor.device.type == "cuda"
    rows = choose_real(len(images.real), config.real_limit, config.seed)
    missing = count_missing(images.real[rows], extractor, cache / "features", HOST_POLICY)
    spent_s = config.minutes * 60 - left_s
    spare_s = demand_time(config, speeds, min(len(rows), missing, LEAST_REAL), spent_s)
    aside = fit_unseen(len(images.unseen), on_gpu, config, spare_s, speeds.feature_s)
    left_s -= aside * speeds.feature_s
    plan = plan_run(config, left_s, len(rows), missing, speeds)
    plan = replace(plan, unseen=aside, passing=plan.passing + aside)
    write_json(saved, asdict(plan))
    return plan
