"""Features of generated and of training images -> MiFID: FID, raised where images are copies.

MiFID = m * FID, with the distance s below, is that of arXiv:2106.03062:
  s = mean over generated images of the least 1 - |cosine| between its features and a training
      image's: the memorisation distance, 0 for copies, 1 for orthogonal features;
  m = 1 / (s + 1e-14) where s is less than the threshold 0.1, else 1.
Both constants are those of the paper's and of Kaggle's code, and of torchmetrics. That one takes
the mean over the real images instead, each with its nearest generated image, so it answers another
question: to compare, its two sides are to be exchanged. As in both, rows of zeros are left out, for
they have no direction, and as in torchmetrics a FID that is but rounding error gives MiFID 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.base.seeds import derive_seed
from lib.kernel.metrics.fid import check_features

THRESHOLD = 0.1  # of the memorisation distance: nothing that is farther away counts as memorised
MOST = 5_000  # generated images that are compared
_EPSILON = 1e-14  # keeps the penalty of exact copies finite
_ROUNDING = 1e-8  # FIDs of equal sets are of this size at most
_ROWS_AT_ONCE = 2048  # bounds the matrix of cosines


@dataclass(frozen=True)
class Memorisation:
    """How near generated images are to training images, and how near these are to each other."""

    distance: float  # 0..1
    distance_real: float  # of as many training images, each to the others: an honest distance
    against: int  # training images

    def penalise(self, fid: float) -> float:
        """FID against the same images -> MiFID."""
        return fid * find_penalty(self.distance) if fid > _ROUNDING else 0.0


def find_penalty(distance: float) -> float:
    """Memorisation distance -> the factor of FID, 1 from the threshold on."""
    return 1 / (distance + _EPSILON) if distance < THRESHOLD else 1.0


def measure_memorisation(
    generated: NDArray[np.floating], training: NDArray[np.floating], seed: int
) -> Memorisation:
    """(n, D), (N, D) features -> Memorisation; which training images are compared is seeded.

    Of more than MOST generated images so many are drawn at random: their mean is known well enough.
    """
    check_features(generated, "the generated features")
    check_features(training, "the training images' features", generated.shape[1])
    draw = np.random.default_rng(derive_seed(seed, "memorisation"))
    if len(generated) > MOST:
        generated = generated[np.sort(draw.choice(len(generated), MOST, replace=False))]
    rows = draw.choice(len(training), min(len(generated), len(training)), replace=False)
    queries = np.concatenate([generated, training[rows]])
    distances = find_least_distances(queries, training, np.append([-1] * len(generated), rows))
    own, other = distances[: len(generated)], distances[len(generated) :]
    return Memorisation(_mean(own), _mean(other), len(training))


def find_least_distances(
    queries: NDArray[np.floating],
    training: NDArray[np.floating],
    itself: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """(n, D), (N, D) features -> (n,) least 1 - |cosine| to a training row; NaN for a zero row.

    `itself` (n,) holds the training row that each query is, which is left out; -1 for none. The
    nearest row is searched in float32, in blocks of the training rows, and its distance is then
    taken in float64, so that it is exact for copies.
    """
    wanted = _normalise(queries)
    best, nearest = np.full(len(wanted), -1.0, np.float32), np.zeros(len(wanted), np.int64)
    for start in range(0, len(training), _ROWS_AT_ONCE):
        part = _normalise(training[start : start + _ROWS_AT_ONCE])
        cosines = np.abs(wanted @ part.T)
        if itself is not None:
            own = np.flatnonzero((itself >= start) & (itself < start + len(part)))
            cosines[own, itself[own] - start] = -1.0
        places = cosines.argmax(axis=1)
        found = cosines[np.arange(len(wanted)), places]
        is_better = found > best
        best[is_better], nearest[is_better] = found[is_better], start + places[is_better]
    distances = np.empty(len(wanted))
    for start in range(0, len(wanted), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        distances[rows] = _pair_distances(queries[rows], training[nearest[rows]])
    return distances


def _pair_distances(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, D), (n, D) -> (n,) 1 - |cosine| of each pair; NaN where `one` is zero."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.abs(np.einsum("ij,ij->i", one, other))
    cosines = np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0)
    return np.where(one.any(axis=1), np.maximum(1 - cosines, 0.0), np.nan)


def _normalise(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, D) -> (n, D) float32 of length 1; a zero row stays zero."""
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1.0)).astype(np.float32)


def _mean(distances: NDArray[np.float64]) -> float:
    """(n,) distances, NaN for zero rows -> the mean of the others; 1 where there is none."""
    known = distances[~np.isnan(distances)]
    return float(known.mean()) if known.size else 1.0
