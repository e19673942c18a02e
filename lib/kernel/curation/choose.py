"""Choose by FID which images of the pool are submitted, and prove what the choice is worth."""

from typing import Any

import numpy as np

from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.curation.curate import Curation, choose_subset
from lib.kernel.metrics.choice import Choice, describe_floor, measure_random_draws
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor, measure_floor_against
from lib.kernel.metrics.reference import Reference, split_halves

CURATED = (
    "Every submitted image is the generator's own, unedited; which of the pool were submitted was "
    "chosen by FID, so the FID of the submission is no measure of the generator: that of a random "
    "draw is."
)


def choose_images(pool: np.ndarray, reference: Reference, config: Config, guard_s: float) -> Choice:
    """(P, 2048) features of the pool, P above `samples` -> the rows submitted and their FIDs.

    Rows are chosen twice. The first choice is made against the validation half of the real images,
    and shows on the test half what choosing is worth. The second is made against all real images,
    and is submitted.
    """
    metrics = measure_random_draws(pool, reference, config)
    proof = _prove(pool, reference, config, guard_s / 2)
    log("curate", "for the submission: against all real images")
    curation = _curate(pool, reference.statistics, config, guard_s / 2)
    fid = frechet_distance(pool[curation.chosen], reference.statistics)
    metrics |= {"curated": True, "fid": fid, "excess": reference.floor.excess(fid), **proof}
    metrics["score_notes"] = [CURATED]
    trace = [(number, value) for number, value, _ in curation.trace]
    return Choice(curation.chosen, metrics, trace)


def _prove(
    pool: np.ndarray, reference: Reference, config: Config, guard_s: float
) -> dict[str, Any]:
    """Curate against the validation half of the real images -> FID there and on the test half.

    Their floor: as many real images of the validation half as are submitted, against the test half.
    """
    halves = split_halves(len(reference.features), config.seed)
    validation, test = (reference.features[half] for half in halves)
    log("curate", f"as a proof: against {len(validation):,} real images, {len(test):,} held out")
    statistics = features_to_statistics(validation)
    rows = _curate(pool, statistics, config, guard_s).chosen
    draws, seed, size = config.floor_draws, config.seed, config.samples
    test_statistics = features_to_statistics(test)
    if len(validation) >= size:
        floor = measure_floor_against(validation, test_statistics, draws, seed, size)
    else:
        floor = measure_floor(reference.features, draws, seed, size, len(test))
    return {
        "fid_used": frechet_distance(pool[rows], statistics),
        "fid_held_out": frechet_distance(pool[rows], test_statistics),
        **describe_floor("floor_half", floor),
    }


def _curate(pool: np.ndarray, real: Statistics, config: Config, guard_s: float) -> Curation:
    return choose_subset(pool, real, config.samples, config.seed, seconds=guard_s)
