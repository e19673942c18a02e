"""A trained model and some real images -> the temperature whose samples are nearest to them."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lib.base.files import read_json, write_json
from lib.base.log import log
from lib.kernel.configuration.config import COLDEST, HOTTEST, Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, frechet_distance
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.metrics.reference import Reference, validation_half
from lib.kernel.sampling.draw import sample_images
from lib.kernel.sampling.model_file import Model

STEP = 0.95  # from one temperature to the next colder one
_MARGIN = 1.2  # the next try may take so many times as long as the newest one
_WORTH_TRYING = 0.1  # steps; a vertex nearer to the best temperature is not tried


@dataclass(frozen=True)
class Sweep:
    """What was tried."""

    temperature: float  # of the least FID
    tried: dict[str, float]  # temperature -> FID


def try_temperatures(
    config: Config,
    draw: Callable[[Config], np.ndarray],
    extract: Callable[[np.ndarray], np.ndarray],
    real: Statistics,
    tries: int,
    deadline: float = math.inf,
) -> Sweep:
    """(Config, what draws `samples` images, what extracts features, real Statistics) -> Sweep.

    The sweep begins at the configured temperature. It goes down by STEP, or up where the first step
    down is no better, as long as FID falls. A parabola through the best and its neighbours then
    tells where to try last. There are `tries` draws at most, and none that would not end before the
    deadline, a value of time.monotonic(). Every temperature draws with the same seeds, so FIDs
    differ by the temperature alone.
    Long because the three kinds of tries share what was found so far.
    """
    fids: dict[float, float] = {}  # steps downwards -> FID
    newest_s = 0.0  # of the newest try

    def heat(steps: float) -> float:
        return round(config.temperature * STEP**steps, 6)

    def has_time() -> bool:
        if time.monotonic() + _MARGIN * newest_s <= deadline:
            return len(fids) < tries
        log("sweep", f"ends: another try would take {newest_s:.0f} s, the clock leaves less")
        return False

    def measure(steps: float) -> float:
        nonlocal newest_s
        if steps not in fids:
            if not COLDEST <= heat(steps) <= HOTTEST:
                return math.inf
            started = time.monotonic()
            samples = draw(dataclasses.replace(config, temperature=heat(steps)))
            fids[steps] = frechet_distance(extract(samples), real)
            newest_s = time.monotonic() - started
            log("sweep", f"temperature {heat(steps):g}: FID {fids[steps]:.5g}")
        return fids[steps]

    best, usual = 0.0, measure(0.0)
    if has_time():
        direction = 1.0 if measure(1.0) < usual else -1.0
        while has_time() and measure(best + direction) < fids[best]:
            best += direction
        vertex = _find_vertex(best, fids)
        if vertex is not None and has_time():
            measure(vertex)
    best = min(fids, key=lambda steps: fids[steps])
    log("sweep", f"temperature {heat(best):g} (least FID of {len(fids)})")
    return Sweep(heat(best), {f"{heat(steps):g}": fids[steps] for steps in sorted(fids)})


def tune_temperature(
    saved: Path,
    model: Model,
    device: Device,
    extractor: Extractor,
    reference: Reference,
    tries: int,
    deadline: float,
) -> Sweep:
    """(file, model, ..., most tries, deadline) -> Sweep against the validation half.

    A resumed run finds the file and tries nothing.
    """
    if earlier := read_json(saved):
        return Sweep(**earlier)

    def draw(tried: Config) -> np.ndarray:
        own = model.at_temperature(tried.temperature)
        return as_rgb(sample_images(own, tried.samples, device, "sweep"))

    half = validation_half(reference, model.config.seed)
    sweep = try_temperatures(model.config, draw, extractor.extract, half, tries, deadline)
    write_json(saved, asdict(sweep))
    return sweep


def _find_vertex(best: float, fids: dict[float, float]) -> float | None:
    """(best step, FIDs by step) -> where the parabola through it and its neighbours is least.

    None where a neighbour was not tried, or where the least value is not worth a try.
    """
    if not {best - 1.0, best + 1.0} <= fids.keys():
        return None
    low, middle, high = fids[best - 1.0], fids[best], fids[best + 1.0]
    bend = low - 2.0 * middle + high
    shift = (low - high) / (2.0 * bend) if bend > 0.0 else 0.0
    return best + shift if abs(shift) > _WORTH_TRYING else None
