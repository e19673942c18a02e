"""Features of a submission and of real images -> how many rows are copies of real ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.base.seeds import derive_seed
from lib.kernel.metrics.kid_prdc import find_neighbours

_SAME = 1e-3  # of the real rows' RMS distance from their mean; rounding errors are smaller
_NEAR = 1.0  # percentile of the distances between neighbouring real rows
_JUDGED = 1000  # real rows whose nearest neighbours are searched
_ERRORS = 4.0  # standard errors that count as significant


@dataclass(frozen=True)
class Copies:
    """Counts of rows; the expected ones are those of as many real rows among the others."""

    copies: int  # rows equal to a real row
    copies_expected: float
    nearer_than_real: int  # copies, and rows nearer to a real one than 99 % of real ones
    nearer_expected: float

    def describe(self, rows: int) -> str:
        """The submission's rows -> a warning; "" where there are no more copies than expected."""
        for found, expected, words in (
            (self.copies, self.copies_expected, "are real rows"),
            (self.nearer_than_real, self.nearer_expected, "are nearer to a real row than such are"),
        ):
            share = expected / rows
            if found > expected + _ERRORS * (rows * share * (1 - share)) ** 0.5 + 1:
                return (
                    f"{found:,} of {rows:,} {words}, where {expected:,.0f} would be expected: "
                    "FID does not tell copies from good pictures"
                )
        return ""


def count_copies(
    features: NDArray[np.floating], real: NDArray[np.floating], seed: int = 0
) -> Copies:
    """(n, D), (N >= 4, D) features -> Copies, compared with real rows, as these repeat too."""
    mean = real.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(np.mean([((row - mean) ** 2).sum() for row in real])))
    draw = np.random.default_rng(derive_seed(seed, "copies"))
    rows = draw.choice(len(real), min(_JUDGED, len(real)), replace=False)
    centre = mean.astype(real.dtype)
    centred = real - centre
    own = find_neighbours(features - centre, centred)[1][:, 0]
    others = find_neighbours(centred[rows], centred, 2)[1][:, 1]  # the nearest is the row itself
    same = _SAME * scale
    distinct = others[others > same]
    near = max(float(np.percentile(distinct, _NEAR)) if distinct.size else same, same)
    expected = [len(features) * float((others <= limit).mean()) for limit in (same, near)]
    return Copies(int((own <= same).sum()), expected[0], int((own <= near).sum()), expected[1])
