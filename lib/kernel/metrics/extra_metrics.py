"""What FID does not say of the generated images: one function a metric, in the table METRICS."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lib.kernel.metrics.choice import Drawn
from lib.kernel.metrics.copies import measure_nearness
from lib.kernel.metrics.fid import frechet_distance, rank_bound
from lib.kernel.metrics.kid_prdc import find_neighbours, measure_kid, measure_manifold
from lib.kernel.metrics.mifid import measure_memorisation
from lib.kernel.metrics.pixel_statistics import PixelStatistics, measure_pixels
from lib.kernel.metrics.reference import Reference

_NEIGHBOURS_SHOWN = 8  # generated images beside their nearest training images
_NEAREST = 3
_LARGE = 20_000  # uncurated images; the literature quotes FID of so many, or of 50,000


@dataclass(frozen=True)
class ExtraMetrics:
    """Metrics for metrics.json, and what the report draws."""

    details: dict[str, Any]
    spectra: dict[str, tuple[float, ...]]  # whose -> mean power at each radius
    neighbours: np.ndarray  # (8 * 4, C, S, S) uint8: a generated image, three training images
    copying: str  # whether generated images are nearer to training images than unseen real ones


@dataclass(frozen=True)
class Compared:
    """What a metric may look at."""

    drawn: Drawn
    reference: Reference
    real: np.ndarray  # (N, 3, S, S) uint8, some real images
    seed: int

    @property
    def submitted(self) -> np.ndarray:
        """(n, 2048) features of the images submitted."""
        return self.drawn.features[self.drawn.rows]

    @property
    def images(self) -> np.ndarray:
        """(n, 3, S, S) uint8, the images submitted."""
        return self.drawn.pool[self.drawn.rows]

    @cached_property
    def pixels(self) -> dict[str, PixelStatistics]:
        """Pixel statistics of the real and of the generated images."""
        return {"real": measure_pixels(self.real), "generated": measure_pixels(self.images)}


def _find_kid(own: Compared) -> dict[str, Any]:
    kid = measure_kid(own.submitted, own.reference.features, own.seed)
    return {"kid": kid.mean, "kid_spread": kid.spread}


def _find_manifold(own: Compared) -> dict[str, Any]:
    manifold = measure_manifold(own.submitted, own.reference.features, own.seed)
    return {
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
    }


def _find_mifid(own: Compared) -> dict[str, Any]:
    found = measure_memorisation(own.submitted, own.reference.features, own.seed)
    fid = frechet_distance(own.submitted, own.reference.statistics)
    return {
        "mifid": found.penalise(fid),
        "memorisation_distance": found.distance,
        "memorisation_distance_real": found.distance_real,
        "memorisation_against": found.against,
    }


def _find_rank_bound(own: Compared) -> dict[str, Any]:
    return {"rank_bound": rank_bound(own.reference.statistics, len(own.drawn.rows))}


def _find_fid_of_many(own: Compared) -> dict[str, Any]:
    if len(own.drawn.pool) < _LARGE:
        return {}
    many = own.drawn.features[:_LARGE]
    return {"fid_20000": frechet_distance(many, own.reference.statistics)}


def _find_pixels(own: Compared) -> dict[str, Any]:
    return {"pixels": {whose: _summarise(pixels) for whose, pixels in own.pixels.items()}}


# Each gives what metrics.json holds under `details`, in this order; a new metric is one more line.
METRICS: tuple[Callable[[Compared], dict[str, Any]], ...] = (
    _find_kid,
    _find_manifold,
    _find_mifid,
    _find_rank_bound,
    _find_fid_of_many,
    _find_pixels,
)


def measure_extra(
    drawn: Drawn,
    real: np.ndarray,
    training: np.ndarray,
    unseen: np.ndarray,
    reference: Reference,
    seed: int,
) -> ExtraMetrics:
    """(generated images, some real ones (N, 3, S, S) uint8, ...) -> ExtraMetrics.

    `training` (M, C, S, S) uint8 is searched for copies. The unseen real images, `unseen`
    (U, C, S, S) uint8, show how near an honest picture is.
    """
    own = Compared(drawn, reference, real, seed)
    details: dict[str, Any] = {}
    for find in METRICS:
        details |= find(own)
    channels = training.shape[1]
    chosen = own.images[:, :channels]
    shown = chosen[:_NEIGHBOURS_SHOWN]
    places, _ = find_neighbours(shown, training, min(_NEAREST, len(training)))
    nearness = measure_nearness(chosen, unseen, training, seed)
    details |= nearness.metrics
    pairs = [np.concatenate([shown[k : k + 1], training[places[k]]]) for k in range(len(shown))]
    spectra = {whose: pixels.spectrum for whose, pixels in own.pixels.items()}
    return ExtraMetrics(details, spectra, np.concatenate(pairs), nearness.describe())


def _summarise(pixels: PixelStatistics) -> dict[str, float]:
    """PixelStatistics -> its numbers by name, without the spectrum."""
    shares = {f"share {kind}": share for kind, share in pixels.kinds.items()}
    scalars = {"mean": pixels.mean, "deviation": pixels.deviation}
    return {**scalars, "black": pixels.black, "white": pixels.white, **shares}
