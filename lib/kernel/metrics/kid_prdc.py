"""Two sets of features -> KID, precision, recall, density, coverage, nearest neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.base.seeds import derive_seed
from lib.kernel.metrics.fid import check_features

Array = NDArray[np.float64]

KID_SUBSETS = 50
KID_SIZE = 500  # at most: larger subsets of 1,000 images would be nearly the same each time
NEIGHBOURS = 3
_ROWS_AT_ONCE = 2048  # bounds the float64 copies and the distance matrices
_VALUES_AT_ONCE = _ROWS_AT_ONCE * 3 * 32 * 32  # of rows that are long, such as large images
_SAME = 1e-12  # squared distance over mean squared norm: below it lie only rounding errors


@dataclass(frozen=True)
class Kid:
    """Kernel Inception distance over seeded subsets."""

    mean: float
    spread: float  # standard deviation over the subsets, which overlap
    size: int  # images of a subset


@dataclass(frozen=True)
class Manifold:
    """How far two sets of equal size cover each other's k-nearest-neighbour balls.

    Each number is in 0..1, but density may exceed 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    size: int  # images of either set


def measure_kid(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    seed: int,
    subsets: int = KID_SUBSETS,
    size: int = KID_SIZE,
) -> Kid:
    """(n, D), (N, D) features -> KID, mean and spread over subsets of at most `size` of each.

    Each subset is drawn without replacement, and holds at most half as many as the smaller set.
    """
    _check_pair(generated, real)
    size = max(min(size, len(generated) // 2, len(real) // 2), 2)
    values = []
    for subset in range(subsets):
        rng = np.random.default_rng(derive_seed(seed, "kid", subset))
        own = generated[rng.choice(len(generated), size, replace=False)]
        other = real[rng.choice(len(real), size, replace=False)]
        values.append(kernel_distance(own, other))
    return Kid(float(np.mean(values)), float(np.std(values)), size)


def kernel_distance(generated: NDArray[np.floating], real: NDArray[np.floating]) -> float:
    """(n, D), (N, D) features -> unbiased squared MMD over all pairs; n, N >= 2.

    The kernel is k(x, y) = (x.y / D + 1)^3. The estimator is that of arXiv:1801.01401 section 4. It
    leaves out the pairs of an image with itself, so it can be negative.
    """
    _check_pair(generated, real)
    own = _mean_kernel(generated, generated, without_diagonal=True)
    other = _mean_kernel(real, real, without_diagonal=True)
    return own + other - 2 * _mean_kernel(generated, real, without_diagonal=False)


def measure_manifold(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    seed: int,
    neighbours: int = NEIGHBOURS,
) -> Manifold:
    """(n, D), (N, D) features -> precision, recall, density, coverage on min(n, N) rows of each.

    Precision and recall are those of arXiv:1904.06991 eq. 2, density and coverage those of
    arXiv:2002.09797 section 3. A ball includes its surface, so that copies of an image lie in its
    ball of radius zero. About half of the competition's images have such copies.
    """
    _check_pair(generated, real)
    size = min(len(generated), len(real))
    own, other = (
        rows[np.random.default_rng(derive_seed(seed, f"manifold-{name}")).permutation(len(rows))]
        for name, rows in (("generated", generated), ("real", real))
    )
    fake, true = own[:size].astype(np.float64), other[:size].astype(np.float64)
    centre = true.mean(axis=0)
    fake, true = fake - centre, true - centre
    neighbours = min(neighbours, size - 1)
    true_radius = _neighbour_distances(true, neighbours)
    fake_radius = _neighbour_distances(fake, neighbours)
    in_true, in_fake = np.zeros(size, np.int64), np.zeros(size, bool)
    covered = np.zeros(size, bool)
    for start in range(0, size, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        squared = _squared_distances(true[part], fake)
        inside = squared <= true_radius[part, None]
        in_true += inside.sum(axis=0)
        covered[part] = inside.any(axis=1)
        in_fake[part] = (squared <= fake_radius[None, :]).any(axis=1)
    return Manifold(
        precision=float((in_true > 0).mean()),
        recall=float(in_fake.mean()),
        density=float(in_true.sum() / (neighbours * size)),
        coverage=float(covered.mean()),
        size=size,
    )


def find_neighbours(
    queries: NDArray[np.generic], base: NDArray[np.generic], count: int = 1
) -> tuple[NDArray[np.int64], Array]:
    """(n, ...), (N, ...) pixels or features -> the nearest base rows (n, count) and distances.

    Euclidean over the flattened rows, nearest first, the lower row number first among equals.
    """
    count = min(count, len(base))
    wanted = queries.reshape(len(queries), -1).astype(np.float64)
    best = np.full((len(queries), count), np.inf)
    rows = np.zeros((len(queries), count), np.int64)
    at_once = min(_ROWS_AT_ONCE, max(1, _VALUES_AT_ONCE // wanted.shape[1]))
    for start in range(0, len(base), at_once):
        part = base[start : start + at_once]
        squared = _squared_distances(wanted, part.reshape(len(part), -1).astype(np.float64))
        numbers = np.broadcast_to(np.arange(start, start + len(part)), squared.shape)
        merged = np.concatenate([best, squared], axis=1)
        order = np.argsort(merged, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(merged, order, axis=1)
        rows = np.take_along_axis(np.concatenate([rows, numbers], axis=1), order, axis=1)
    return rows, np.sqrt(best)


def _mean_kernel(
    one: NDArray[np.floating], other: NDArray[np.floating], *, without_diagonal: bool
) -> float:
    """(n, D), (N, D) -> mean of the cubic kernel over all pairs, or all pairs of different rows."""
    total = 0.0
    for start in range(0, len(one), _ROWS_AT_ONCE):
        rows = one[start : start + _ROWS_AT_ONCE].astype(np.float64)
        width = rows.shape[1]
        for at in range(0, len(other), _ROWS_AT_ONCE):
            columns = other[at : at + _ROWS_AT_ONCE].astype(np.float64)
            total += float(((rows @ columns.T / width + 1) ** 3).sum())
        if without_diagonal:
            total -= float(((np.einsum("ij,ij->i", rows, rows) / width + 1) ** 3).sum())
    return total / (len(one) * (len(other) - without_diagonal))


def _squared_distances(one: Array, other: Array) -> Array:
    """(n, D), (N, D) float64 -> (n, N) squared distances; copies are exactly 0 apart."""
    own = np.einsum("ij,ij->i", one, one)
    others = np.einsum("ij,ij->i", other, other)
    squared = own[:, None] + others[None, :] - 2 * (one @ other.T)
    squared[squared < _SAME * (own[:, None] + others[None, :])] = 0.0
    return squared


def _neighbour_distances(rows: Array, neighbours: int) -> Array:
    """(n, D) -> (n,) squared distance of each to its k-th nearest other row."""
    result = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        squared = _squared_distances(rows[start : start + _ROWS_AT_ONCE], rows)
        own = np.arange(len(squared))
        squared[own, start + own] = -1.0  # itself comes first, also among its copies
        result[start : start + len(squared)] = np.partition(squared, neighbours, axis=1)[
            :, neighbours
        ]
    return result


def _check_pair(generated: NDArray[np.floating], real: NDArray[np.floating]) -> None:
    check_features(generated, "the generated features")
    check_features(real, "the real features", generated.shape[1])
