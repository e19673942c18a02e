"""Which images of a pool are submitted, and what FID says of them and of a random draw."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lib.base.seeds import derive_seed
from lib.kernel.configuration.config import Config
from lib.kernel.metrics.fid import frechet_distance
from lib.kernel.metrics.floor import Floor
from lib.kernel.metrics.reference import Reference

_RANDOM_DRAWS = 5


@dataclass(frozen=True)
class Choice:
    """Rows of the pool to submit, and the metrics that tell what the choice did."""

    rows: np.ndarray  # (samples,) int64
    metrics: dict[str, Any]
    trace: Sequence[tuple[int, float]] = field(default=())  # round, FID


@dataclass(frozen=True)
class Drawn:
    """The generated images."""

    pool: np.ndarray  # (P, 3, S, S) uint8
    features: np.ndarray  # (P, 2048)
    rows: np.ndarray  # those submitted


def take_first(pool: np.ndarray, reference: Reference, config: Config) -> Choice:
    """(`samples`, 2048) features of a pool -> all of its rows, and their FID."""
    metrics = measure_random_draws(pool, reference, config)
    fid, floor = metrics["fid_random"], reference.floor
    found = {"curated": False, "fid": fid, "excess": floor.excess(fid)}
    return Choice(np.arange(config.samples), metrics | found)


def measure_random_draws(pool: np.ndarray, reference: Reference, config: Config) -> dict[str, Any]:
    """(P, 2048) features of the pool -> floor and FID of random draws, as metrics.json has them."""
    draws = draw_random(pool, reference, config)
    metrics: dict[str, Any] = {
        **describe_floor("floor", reference.floor),
        "fid_random": float(np.mean(draws)),
        "pool": len(pool),
    }
    if len(draws) > 1:
        metrics["fid_random_se"] = float(np.std(draws, ddof=1) / np.sqrt(len(draws)))
    return metrics


def draw_random(pool: np.ndarray, reference: Reference, config: Config) -> list[float]:
    """(P, 2048) features -> FID of several random draws, or of the pool if it is no larger."""
    if len(pool) == config.samples:
        return [frechet_distance(pool, reference.statistics)]
    random = np.random.default_rng(derive_seed(config.seed, "random draws"))
    rows = [random.choice(len(pool), config.samples, replace=False) for _ in range(_RANDOM_DRAWS)]
    return [frechet_distance(pool[chosen], reference.statistics) for chosen in rows]


def describe_floor(name: str, floor: Floor) -> dict[str, Any]:
    """A key of metrics.json, its Floor -> the number, its error and its sizes."""
    sizes = {f"{name}_size": floor.size, f"{name}_against": floor.rest}
    return {name: floor.mean, f"{name}_se": floor.standard_error, **sizes}
