"""Features of two sets of images -> their Fréchet distance and its bounds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lib.base.errors import InputError, PipelineError

Array = NDArray[np.float64]

_ROWS_AT_ONCE = 4096  # bounds the float64 copy of a large float32 set
_SPECTRUM_CUT = 1e-14  # of the largest eigenvalue: rounding errors of eigh lie below
_NEGATIVE_LIMIT = 1e-9  # of the largest eigenvalue: rounding errors of a product lie below
_ROUNDING_LIMIT = 1e-8  # of the distance: for larger errors the slower singular values are taken


@dataclass(frozen=True)
class Statistics:
    """Mean (D,) and unbiased covariance (D, D), float64, of `count` feature vectors."""

    mean: Array
    covariance: Array
    count: int

    @cached_property
    def total_variance(self) -> float:
        """Trace of the covariance."""
        return float(np.trace(self.covariance))

    @cached_property
    def spectrum(self) -> Array:
        """Eigenvalues of the covariance (D,), ascending; those of an empty direction are 0."""
        if "_eigenbasis" in self.__dict__:
            return self._eigenbasis[0]
        return _cut_spectrum(np.linalg.eigvalsh(self.covariance))  # a third of the eigenbasis' time

    @cached_property
    def factor(self) -> Array:
        """L (D, r) with L L^T = covariance, r its numerical rank."""
        values, vectors = self._eigenbasis
        used = values > 0
        return vectors[:, used] * np.sqrt(values[used])

    @cached_property
    def _eigenbasis(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.covariance)
        return _cut_spectrum(values), vectors


def features_to_statistics(features: NDArray[np.floating]) -> Statistics:
    """(N, D) float -> Statistics in float64; N >= 2."""
    check_features(features, "the features")
    count = len(features)
    mean = features.mean(axis=0, dtype=np.float64)
    return Statistics(mean, sum_scatter(features, mean) / (count - 1), count)


def frechet_distance(
    features: NDArray[np.floating], real: Statistics, *, exact: bool = True
) -> float:
    """(n, D) generated features, real Statistics -> FID, exact for n < D and n >= D.

    FID = |mu_f - mu_r|^2 + Tr S_f + Tr S_r - 2 Tr (S_f S_r)^(1/2), arXiv:1706.08500 eq. 6. Let A
    be the centred features over sqrt(n - 1), so S_f = A^T A. Then the last trace is the sum of the
    square roots of the n eigenvalues of A S_r A^T, and no matrix root is taken. Where many of these
    eigenvalues drown in rounding (duplicate images, steep spectra), `exact` takes the singular
    values of A L instead, with L L^T = S_r. They are the same roots, without the loss of half the
    digits. The result is never clipped: equal sets give about +-1e-12 of the variance.
    """
    check_features(features, "the generated features", real.mean.size)
    count = len(features)
    if count >= real.mean.size:
        return statistics_distance(features_to_statistics(features), real, exact=exact)
    centred = features.astype(np.float64)
    mean = centred.mean(axis=0)
    centred -= mean
    centred /= np.sqrt(count - 1)
    gram = centred @ real.covariance @ centred.T
    variance = float(np.einsum("ij,ij->", centred, centred))
    fixed = float(np.sum((mean - real.mean) ** 2)) + variance + real.total_variance
    root, error = _sum_roots(gram, empty=1)
    if exact and error > _ROUNDING_LIMIT * abs(fixed - 2 * root):
        root = _sum_singular_values(centred @ real.factor)
    return fixed - 2 * root


def statistics_distance(generated: Statistics, real: Statistics, *, exact: bool = True) -> float:
    """Two Statistics of D features -> FID by the D x D form.

    With L L^T = S_r, Tr (S_f S_r)^(1/2) is the sum of the roots of the eigenvalues of L^T S_f L. It
    is also the sum of the singular values of L_f^T L; frechet_distance tells when these are taken.
    The factor L belongs to the real images and is cached.
    """
    fixed = float(np.sum((generated.mean - real.mean) ** 2))
    fixed += generated.total_variance + real.total_variance
    root, error = _sum_roots(real.factor.T @ generated.covariance @ real.factor)
    if exact and error > _ROUNDING_LIMIT * abs(fixed - 2 * root):
        root = _sum_singular_values(generated.factor.T @ real.factor)
    return fixed - 2 * root


def sum_scatter(features: NDArray[np.floating], centre: Array) -> Array:
    """(N, D) float, (D,) -> sum of (x - centre)(x - centre)^T (D, D) float64."""
    width = features.shape[1]
    total = np.zeros((width, width))
    for start in range(0, len(features), _ROWS_AT_ONCE):
        part = features[start : start + _ROWS_AT_ONCE].astype(np.float64) - centre
        total += part.T @ part
    return total


def rank_bound(real: Statistics, count: int) -> float:
    """Real Statistics, number of generated images -> the least FID that so many can reach.

    A covariance of n samples has rank n - 1. At best it matches the n - 1 largest eigenvalues of
    S_r, and the sum of the others remains.
    """
    return float(real.spectrum[: max(real.mean.size - (count - 1), 0)].sum())


def check_features(
    features: NDArray[np.floating], name: str, width: int | None = None, least: int = 2
) -> None:
    """Refuse features that are not (N >= least, width) or not finite; the error names them."""
    shape = tuple(features.shape)
    if len(shape) != 2 or shape[0] < least or (width is not None and shape[1] != width):
        raise InputError(
            "fid",
            f"{name} have the wrong shape",
            expected=f"(at least {least}, {width or 'D'})",
            got=str(shape),
            cure="give one feature vector a row, of as many images as possible",
        )
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if broken.size:
        raise InputError(
            "fid",
            f"{name} hold NaN or infinity",
            expected="finite numbers",
            got=f"{broken.size} broken rows, the first is row {broken[0]}",
            cure="extract the features of those images again",
        )


def _cut_spectrum(values: NDArray[np.floating]) -> Array:
    """Eigenvalues, ascending -> the same, those that are rounding errors set to 0."""
    is_noise = values < _SPECTRUM_CUT * max(float(values[-1]), 0.0)
    return np.where(is_noise, 0.0, values).astype(np.float64)


def _sum_roots(product: Array, empty: int = 0) -> tuple[float, float]:
    """A positive semidefinite (n, n) -> (sum of the roots of its eigenvalues, bound of its error).

    `empty` eigenvalues are known to be zero: centring makes one of them so. Any other eigenvalue e
    has an error of about d = machine epsilon * largest. Its root then has an error of
    d / (2 sqrt(e)), at most sqrt(d), so a null space or a steep spectrum costs digits. Where all
    images are equal a covariance has rank 0, and the product may be empty: its sum is 0.
    """
    if not product.size:
        return 0.0, 0.0
    values = np.linalg.eigvalsh((product + product.T) / 2)
    largest = max(float(values[-1]), 0.0)
    if float(values[0]) < -_NEGATIVE_LIMIT * largest:
        raise PipelineError(
            "fid",
            "the product of the covariances is not positive semidefinite",
            expected="eigenvalues of at least zero",
            got=f"{values[0]:g} beside {largest:g}",
            cure="look for overflow in the features: they should be of size 1",
        )
    used = np.maximum(values[empty:], 0.0)
    noise = 4 * np.finfo(np.float64).eps * largest
    error = noise / np.maximum(2 * np.sqrt(used), np.sqrt(noise)) if noise else used
    return float(np.sqrt(used).sum()), float(error.sum())


def _sum_singular_values(matrix: Array) -> float:
    return float(np.linalg.svd(matrix, compute_uv=False).sum())
