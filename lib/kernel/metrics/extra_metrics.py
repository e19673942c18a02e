"""Generated and real images with their features -> what FID does not say, in numbers and rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.kernel.metrics.choice import Drawn
from lib.kernel.metrics.copies import measure_nearness
from lib.kernel.metrics.fid import frechet_distance, rank_bound
from lib.kernel.metrics.kid_prdc import find_neighbours, measure_kid, measure_manifold
from lib.kernel.metrics.pixel_statistics import PixelStatistics, measure_pixels
from lib.kernel.metrics.reference import Reference

_NEIGHBOURS_SHOWN = 8  # generated images beside their nearest training images
_NEAREST = 3
_LARGE = 20_000  # uncurated images for the FID that literature quotes beside 50,000


@dataclass(frozen=True)
class ExtraMetrics:
    """Metrics for metrics.json, and what the report draws."""

    details: dict[str, Any]
    spectra: dict[str, tuple[float, ...]]  # whose -> mean power at each radius
    neighbours: np.ndarray  # (8 * 4, C, 32, 32) uint8: a generated image, its nearest ones
    copying: str  # whether generated images are nearer to training images than unseen real ones


def measure_extra(
    own: Drawn,
    real: np.ndarray,
    training: np.ndarray,
    unseen: np.ndarray,
    side: Reference,
    seed: int,
) -> ExtraMetrics:
    """Generated images, some real ones (N, 3, 32, 32) uint8 and all that is known of them.

    `training` (M, C, 32, 32) uint8 is searched for copies; `unseen` (U, C, 32, 32) uint8, real
    images that no generator saw, tell how near an honest picture is.
    """
    rows, statistics = own.rows, side.statistics
    submitted = own.features[rows]
    kid = measure_kid(submitted, side.features, seed)
    manifold = measure_manifold(submitted, side.features, seed)
    details: dict[str, Any] = {
        "kid": kid.mean,
        "kid_spread": kid.spread,
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
        "rank_bound": rank_bound(statistics, len(rows)),
    }
    if len(own.pool) >= _LARGE:
        details["fid_20000"] = frechet_distance(own.features[:_LARGE], statistics)
    chosen = own.pool[rows]
    own_pixels, real_pixels = measure_pixels(chosen), measure_pixels(real)
    details["pixels"] = {"real": _summarise(real_pixels), "generated": _summarise(own_pixels)}
    channels = training.shape[1]
    shown = chosen[:_NEIGHBOURS_SHOWN, :channels]
    places, _ = find_neighbours(shown, training, min(_NEAREST, len(training)))
    nearness = measure_nearness(chosen[:, :channels], unseen, training, seed)
    details |= nearness.metrics
    pairs = [np.concatenate([shown[k : k + 1], training[places[k]]]) for k in range(len(shown))]
    spectra = {"real": real_pixels.spectrum, "generated": own_pixels.spectrum}
    return ExtraMetrics(details, spectra, np.concatenate(pairs), nearness.describe())


def _summarise(pixels: PixelStatistics) -> dict[str, float]:
    """PixelStatistics -> its scalars, flat."""
    shares = {f"share {kind}": share for kind, share in pixels.kinds.items()}
    scalars = {"mean": pixels.mean, "deviation": pixels.deviation}
    return {**scalars, "black": pixels.black, "white": pixels.white, **shares}
