"""Features of real images -> the FID that an ideal generator's images would get against them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.base.seeds import derive_seed
from lib.kernel.configuration.challenge import SUBMITTED
from lib.kernel.metrics.fid import (
    Statistics,
    check_features,
    features_to_statistics,
    frechet_distance,
    sum_scatter,
)

_LEAST_SHARE = 0.499  # 1/n + 1/m wanted over that measured: below it the floor is only guessed
_SMOOTH = 0.9  # real images measured over those wanted: from here on nothing is corrected
_PARTS = (1, 2, 4)  # where both sides are too small, FID is measured on their parts as well
_LEAST_ROWS = 2 * _PARTS[-1]

Rows = NDArray[np.floating]


@dataclass(frozen=True)
class Floor:
    """FID of `size` images of an ideal generator against `rest` real images, over several draws."""

    values: tuple[float, ...]
    size: int  # images of the ideal generator
    rest: int  # real images that they are compared with
    is_known: bool = True  # False: there are too few real images, so it is only guessed

    @property
    def mean(self) -> float:
        """Mean over the draws."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean; the draws overlap, so it is a little too small."""
        return float(np.std(self.values, ddof=1) / np.sqrt(len(self.values)))

    def excess(self, fid: float) -> float | None:
        """An FID of as many images -> what it has beyond the floor; None where that is unknown."""
        return fid - self.mean if self.is_known else None

    def describe(self) -> str:
        """Say the sizes in words: "1,000 images against 6,000 real ones"."""
        words = f"{self.size:,} images against {self.rest:,} real ones"
        return words if self.is_known else f"a guess of {words}: there are too few real images"


def measure_floor(
    features: Rows, draws: int, seed: int, size: int = SUBMITTED, against: int | None = None
) -> Floor:
    """(N >= 4, D) real features -> the Floor of `size` images against `against` real ones, or N.

    A draw compares n random rows with m others, n + m <= N. With N >= size + against that is the
    floor. With fewer it is biased, and FIDs at other sizes correct it. Where n = size: by the line
    in 1/m through m and m / 2. Where N < 2 size: by FID as a power of 1/n + 1/m, whose exponent is
    followed over a quarter, half and all of the rows. On spectra from flat to 1/k the mean is right
    to 3 % from N = 1.5 size on (docs/LOG.md). Below N = size the floor is only guessed.
    """
    check_features(features, "the real features", least=4)
    count, against = len(features), len(features) if against is None else against
    held = min(size, max(count // 2, count - against))
    rest = min(against, count - held)
    share = (1 / size + 1 / against) / (1 / held + 1 / rest)
    is_whole = (held, rest) == (size, against)
    is_known = is_whole or (share > _LEAST_SHARE and min(held, rest) >= _LEAST_ROWS)
    whole = features_to_statistics(features) if held + rest == count else None
    distances = []
    for draw in range(draws):
        order = np.random.default_rng(derive_seed(seed, "floor", draw)).permutation(count)
        rows, others = np.sort(order[:held]), order[held : held + rest]
        own = features[rows].astype(np.float64)
        real = _leave_out(whole, own) if whole else features_to_statistics(features[others])
        ways = [frechet_distance(own, real, exact=False)]
        if is_known and held < size:
            ways += [_compare_parts(own, features[others], parts) for parts in _PARTS[1:]]
        elif is_known and rest < _SMOOTH * against:
            ways.append(_compare_halves(own, features[others]))
        distances.append(ways)
    found = np.array(distances)
    if found.shape[1] == len(_PARTS):
        values = found[:, 0] * share ** _find_exponent(found.mean(axis=0), share)
    elif found.shape[1] == 2:
        values = found[:, 0] - (found[:, 1] - found[:, 0]) * (1 - rest / against)
    else:
        values = found[:, 0] * (1.0 if is_known else share)
    return Floor(tuple(values.tolist()), size, against, is_known)


def measure_floor_against(
    features: Rows, real: Statistics, draws: int, seed: int, size: int = SUBMITTED
) -> Floor:
    """(N >= size, D) real features, Statistics of others -> the Floor of `size` against them.

    Both sides have the sizes that the floor is meant for, so nothing has to be corrected.
    """
    assert len(features) >= size, f"{len(features)} real rows cannot stand for {size} images"
    values = []
    for draw in range(draws):
        rng = np.random.default_rng(derive_seed(seed, "floor", draw))
        rows = np.sort(rng.choice(len(features), size, replace=False))
        values.append(frechet_distance(features[rows], real, exact=False))
    return Floor(tuple(values), size, real.count)


def _leave_out(whole: Statistics, rows: Rows) -> Statistics:
    """(Statistics of a set, some of its rows) -> Statistics of its other rows.

    It takes one product of the rows left out. All sums are about the mean of the whole set, so that
    no digits are lost.
    """
    rest = whole.count - len(rows)
    out = rows - whole.mean
    mean = -out.sum(axis=0) / rest
    kept = whole.covariance * (whole.count - 1) - sum_scatter(out, np.zeros_like(mean))
    kept -= rest * np.outer(mean, mean)
    return Statistics(whole.mean + mean, kept / (rest - 1), rest)


def _compare_halves(rows: Rows, others: Rows) -> float:
    """(n, D), (m, D) -> mean FID of all the rows against each half of the others."""
    half = len(others) // 2
    halves = (features_to_statistics(part) for part in (others[:half], others[half:]))
    return float(np.mean([frechet_distance(rows, real, exact=False) for real in halves]))


def _compare_parts(rows: Rows, others: Rows, parts: int) -> float:
    """(n, D), (m, D), how many parts -> mean FID of the k-th parts of both, over all k."""
    own, real = (len(side) // parts for side in (rows, others))
    values = []
    for k in range(parts):
        statistics = features_to_statistics(others[k * real : (k + 1) * real])
        values.append(frechet_distance(rows[k * own : (k + 1) * own], statistics, exact=False))
    return float(np.mean(values))


def _find_exponent(means: NDArray[np.float64], share: float) -> float:
    """(mean FID of all, half, a quarter of the rows; wanted 1/n + 1/m over that of all rows) -> p.

    FID ~ (1/n + 1/m)^p from all rows to those wanted. The exponent between two sizes changes
    linearly with the logarithm of the size.
    """
    if not (means > 0).all():
        return 1.0  # all rows are equal: FID is 0 but for rounding
    all_, half, quarter = np.log2(means)
    late, early = half - all_, quarter - half
    return float(np.clip(late + (late - early) * (1 - np.log2(share)) / 2, 0.0, 1.5))
