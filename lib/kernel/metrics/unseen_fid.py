"""Unseen real images and the submission's features -> the FID between them, and its floor."""

from pathlib import Path
from typing import Any

import numpy as np

from lib.base.log import log
from lib.kernel.competition.contract import Images
from lib.kernel.configuration.config import Config
from lib.kernel.metrics.choice import Choice, draw_random
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference, choose_real, extract_real

_NO_TIME = "Their features would take too long, so there is no FID against them."


def measure_unseen(
    images: Images, count: int, extractor: Extractor, cache: Path, config: Config, real: Reference
) -> Reference | None:
    """(all images, how many unseen ones may pass Inception) -> their Reference; None for none.

    Its floor is the FID that an ideal generator would have against so many real images. It is
    measured on the other real images alone.
    """
    count = min(count, len(images.unseen))  # an older plan may count more than are set aside now
    if not count:
        return None
    rows = choose_real(len(images.unseen), count, config.seed)
    features = extract_real(images.unseen[rows], extractor, cache)
    draws, size = config.floor_draws, config.samples
    floor = measure_floor(real.features, draws, config.seed, size, against=count)
    return Reference(features, features_to_statistics(features), floor)


def score_unseen(
    pool: np.ndarray, choice: Choice, side: Reference | None, images: Images, config: Config
) -> dict[str, Any]:
    """(P, 2048) features of the pool, the rows submitted -> metrics and a note for the report."""
    if side is None:
        note = images.unseen_note
        if len(images.unseen):
            log("unseen", _NO_TIME)
            note += f" {_NO_TIME}"
        return {"fid_unseen": None, "unseen_note": note}
    count, floor = len(side.features), side.floor
    why = " (on a CPU more would take too long)" if count < len(images.unseen) else ""
    note = f"{images.unseen_note} The unseen FID is against {count:,} of them{why}."
    found: dict[str, Any] = {
        "fid_unseen": frechet_distance(pool[choice.rows], side.statistics),
        "unseen_measured": count,
        "unseen_note": note,
    }
    if floor.is_known:
        sizes = {"floor_unseen_size": floor.size, "floor_unseen_against": floor.rest}
        found |= {"floor_unseen": floor.mean, "floor_unseen_se": floor.standard_error, **sizes}
    if len(pool) > config.samples:
        draws = draw_random(pool, side, config)
        found["fid_unseen_random"] = float(np.mean(draws))
        found["fid_unseen_random_se"] = float(np.std(draws, ddof=1) / np.sqrt(len(draws)))
    numbers = [f"{key} {value:.4g}" for key, value in found.items() if isinstance(value, float)]
    log("unseen", f"{', '.join(numbers)}, against {count:,} images that nothing was trained on")
    return found
