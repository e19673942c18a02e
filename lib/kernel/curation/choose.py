"""A trained model -> a pool of images, the ones submitted, and what they are worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.files import read_json, replacing, write_json
from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.kernel.config import Config
from lib.kernel.curation.curate import Curation, choose_subset
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import Floor, measure_floor, measure_floor_against
from lib.kernel.metrics.reference import Reference, split_halves, validation_half
from lib.kernel.sampling.sample import sample_images
from lib.kernel.sampling.temperature_sweep import Sweep, tune_temperature

_RANDOM_DRAWS = 5
CURATED = (
    "Every submitted image is the generator's own, unedited; which of the pool were submitted was "
    "chosen by FID, so the FID of the submission is no measure of the generator: that of a random "
    "draw is."
)


@dataclass(frozen=True)
class Choice:
    """Rows of the pool to submit, and the metrics that tell what the choice did."""

    rows: np.ndarray  # (samples,) int64
    metrics: dict[str, Any]
    trace: Sequence[tuple[int, float]] = field(default=())  # round, FID


def as_rgb(images: np.ndarray) -> np.ndarray:
    """(N, C, 32, 32) uint8, C = 1 or 3 -> (N, 3, 32, 32), grey triplicated."""
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def draw_pool(
    saved: Path, checkpoint: Path, count: int, config: Config, device: Device
) -> np.ndarray:
    """(file, model file, count) -> (count, 3, 32, 32) uint8, a memory map of that file.

    A resumed run finds the file and draws nothing.
    """
    if not saved.exists():
        pool = as_rgb(sample_images(checkpoint, count, config, device))
        with replacing(saved) as file:
            np.save(file, pool)
    return np.load(saved, mmap_mode="r")


def find_temperature(
    saved: Path,
    checkpoint: Path,
    config: Config,
    device: Device,
    extractor: Extractor,
    real: Reference,
    tries: int,
    deadline: float,
) -> Sweep:
    """(file, model file, tries and end at most) -> the best temperature against half of the real.

    The half is that which the proof of curation uses: no choice ever sees the other one. A resumed
    run finds the file and tries nothing.
    """
    if earlier := read_json(saved):
        return Sweep(**earlier)

    def draw(tried: Config) -> np.ndarray:
        return as_rgb(sample_images(checkpoint, config.samples, tried, device, "sweep"))

    half = validation_half(real, config.seed)
    sweep = tune_temperature(config, draw, extractor.extract, half, tries, deadline)
    write_json(saved, asdict(sweep))
    return sweep


def choose_images(pool: np.ndarray, real: Reference, config: Config, guard_s: float) -> Choice:
    """(P, 2048) features of the pool -> the rows submitted and their FIDs.

    Without curation the first `samples` rows are taken. With it the pool's rows are chosen twice:
    against one half of the real images, to show on the other half what the choice is worth, and
    against all of them, for the submission.
    """
    floor = real.floor
    draws = draw_random(pool, real, config)
    metrics: dict[str, Any] = {
        **_describe_floor("floor", floor),
        "fid_random": float(np.mean(draws)),
        "pool": len(pool),
    }
    if len(draws) > 1:
        metrics["fid_random_se"] = float(np.std(draws, ddof=1) / np.sqrt(len(draws)))
    if len(pool) == config.samples:
        rows = np.arange(config.samples)
        metrics |= {"curated": False, "fid": draws[0], "excess": floor.excess(draws[0])}
        return Choice(rows, metrics)
    proof = _prove(pool, real, config, guard_s / 2)
    log("curate", "for the submission: against all real images")
    curation = _curate(pool, real.features, config, guard_s / 2)
    fid = frechet_distance(pool[curation.chosen], real.statistics)
    metrics |= {"curated": True, "fid": fid, "excess": floor.excess(fid), **proof}
    metrics["score_notes"] = [CURATED]
    trace = [(number, value) for number, value, _ in curation.trace]
    return Choice(curation.chosen, metrics, trace)


def draw_random(pool: np.ndarray, real: Reference, config: Config) -> list[float]:
    """(P, 2048) features -> FID of several random draws; of the first rows where they are all."""
    if len(pool) == config.samples:
        return [frechet_distance(pool, real.statistics)]
    random = np.random.default_rng(derive_seed(config.seed, "random draws"))
    rows = [random.choice(len(pool), config.samples, replace=False) for _ in range(_RANDOM_DRAWS)]
    return [frechet_distance(pool[chosen], real.statistics) for chosen in rows]


def _prove(pool: np.ndarray, real: Reference, config: Config, guard_s: float) -> dict[str, Any]:
    """Curation against one half of the real images -> its FID there and on the other half.

    The floor beside it: as many real images of the half used, against the other half.
    """
    halves = split_halves(len(real.features), config.seed)
    used, unseen = (real.features[half] for half in halves)
    log("curate", f"as a proof: against {len(used):,} real images, {len(unseen):,} held out")
    rows = _curate(pool, used, config, guard_s).chosen
    draws, seed, size = config.floor_draws, config.seed, config.samples
    held_out = features_to_statistics(unseen)
    if len(used) >= size:
        floor = measure_floor_against(used, held_out, draws, seed, size)
    else:
        floor = measure_floor(real.features, draws, seed, size, len(unseen))
    return {
        "fid_used": frechet_distance(pool[rows], features_to_statistics(used)),
        "fid_held_out": frechet_distance(pool[rows], held_out),
        **_describe_floor("floor_half", floor),
    }


def _describe_floor(name: str, floor: Floor) -> dict[str, Any]:
    """A key of metrics.json, its Floor -> the number, its error and its sizes."""
    sizes = {f"{name}_size": floor.size, f"{name}_against": floor.rest}
    return {name: floor.mean, f"{name}_se": floor.standard_error, **sizes}


def _curate(pool: np.ndarray, real: np.ndarray, config: Config, guard_s: float) -> Curation:
    return choose_subset(
        pool,
        features_to_statistics(real),
        config.samples,
        config.seed,
        seconds=guard_s,
    )
