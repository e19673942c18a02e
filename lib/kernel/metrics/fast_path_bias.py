"""The exact and the fast extractor on the same images -> by how much the fast one's FID is off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.base.log import log
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, frechet_distance


@dataclass(frozen=True)
class FastPathBias:
    """FID of one set of images by either path, against real statistics of the exact path."""

    exact: float
    fast: float

    @property
    def difference(self) -> float:
        """What the fast path adds to the FID."""
        return self.fast - self.exact


def measure_fast_path_bias(
    images: NDArray[np.uint8], exact: Extractor, fast: Extractor, real: Statistics
) -> FastPathBias:
    """(N, 3, H, W) uint8, both extractors, exact Statistics of real images -> FastPathBias."""
    error = FastPathBias(
        frechet_distance(exact.extract(images), real), frechet_distance(fast.extract(images), real)
    )
    log(
        "features",
        f"the fast path's FID is {error.difference:+.3g} off: {error.fast:.6g} instead of "
        f"{error.exact:.6g} on {len(images):,} images",
    )
    return error
