"""A trained model and some real images -> the temperature whose samples are nearest to them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.kernel.config import Config
from lib.kernel.fid import Statistics, frechet_distance
from lib.kernel.progress import log

FACTORS = (0.94, 0.97, 1.0, 1.03)  # of the configured temperature


@dataclass(frozen=True)
class Sweep:
    """What was tried."""

    temperature: float  # of the least FID
    tried: dict[str, float]  # temperature -> FID


def sweep_temperature(
    config: Config,
    draw: Callable[[Config], np.ndarray],
    extract: Callable[[np.ndarray], np.ndarray],
    real: Statistics,
) -> Sweep:
    """(Config, its samples at n = `samples`, features, real Statistics) -> Sweep.

    Every temperature draws with the same seeds, so that the differences are the temperature's.
    """
    tried = {}
    for factor in FACTORS:
        temperature = round(config.temperature * factor, 6)
        samples = draw(dataclasses.replace(config, temperature=temperature))
        tried[temperature] = frechet_distance(extract(samples), real)
        log("sweep", f"temperature {temperature:g}: FID {tried[temperature]:.5g}")
    best = min(tried, key=lambda temperature: tried[temperature])
    log("sweep", f"temperature {best:g} (least FID of {len(tried)})")
    return Sweep(best, {f"{key:g}": value for key, value in tried.items()})
