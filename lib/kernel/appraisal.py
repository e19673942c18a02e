"""Generated and real images with their features -> what FID does not say, in numbers and rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.kernel.fid import Statistics, frechet_distance, rank_bound
from lib.kernel.metrics import find_neighbours, measure_kid, measure_manifold
from lib.kernel.pixel_statistics import PixelStatistics, measure_pixels

_NEIGHBOURS_SHOWN = 8  # generated images beside their nearest training images
_NEAREST = 3
_LARGE = 20_000  # uncurated images for the FID that literature quotes beside 50,000


@dataclass(frozen=True)
class Appraisal:
    """Metrics for metrics.json, and what the report draws."""

    details: dict[str, Any]
    real_pixels: PixelStatistics
    own_pixels: PixelStatistics
    neighbours: np.ndarray  # (8 * 4, C, 32, 32) uint8: a generated image, its nearest ones


def appraise(
    pool: np.ndarray,
    pool_features: np.ndarray,
    rows: np.ndarray,
    real: np.ndarray,
    real_features: np.ndarray,
    statistics: Statistics,
    training: np.ndarray,
    seed: int,
) -> Appraisal:
    """Pool (P, 3, 32, 32) uint8 with features (P, 2048), rows submitted, the same of the real.

    `training` (M, C, 32, 32) uint8 is searched for copies: distances are root mean squares of
    grey levels, 0 for a copy.
    """
    submitted = pool_features[rows]
    kid = measure_kid(submitted, real_features, seed)
    manifold = measure_manifold(submitted, real_features, seed)
    details: dict[str, Any] = {
        "kid": kid.mean,
        "kid_spread": kid.spread,
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
        "rank_bound": rank_bound(statistics, len(rows)),
    }
    if len(pool) >= _LARGE:
        details["fid_20000"] = frechet_distance(pool_features[:_LARGE], statistics)
    chosen = pool[rows]
    own_pixels, real_pixels = measure_pixels(chosen), measure_pixels(real)
    details["pixels"] = {"real": _summarise(real_pixels), "generated": _summarise(own_pixels)}
    channels = training.shape[1]
    shown = chosen[:_NEIGHBOURS_SHOWN, :channels]
    places, distances = find_neighbours(shown, training, min(_NEAREST, len(training)))
    scale = np.sqrt(shown[0].size)
    details["nearest_training_rms"] = float(np.median(distances[:, 0]) / scale)
    pairs = [np.concatenate([shown[k : k + 1], training[places[k]]]) for k in range(len(shown))]
    return Appraisal(details, real_pixels, own_pixels, np.concatenate(pairs))


def _summarise(pixels: PixelStatistics) -> dict[str, float]:
    """PixelStatistics -> its scalars, flat."""
    shares = {f"share {kind}": share for kind, share in pixels.kinds.items()}
    scalars = {"mean": pixels.mean, "deviation": pixels.deviation}
    return {**scalars, "black": pixels.black, "white": pixels.white, **shares}
