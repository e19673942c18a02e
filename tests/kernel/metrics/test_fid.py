"""FID against closed forms, identities, and functions of torchmetrics, torch-fidelity, scipy."""

import numpy as np
import pytest
import scipy.linalg
import torch

from lib.base.errors import InputError
from lib.kernel.metrics.fid import (
    Statistics,
    features_to_statistics,
    frechet_distance,
    rank_bound,
    statistics_distance,
)
from lib.kernel.metrics.torchvision_import import import_torchvision

pytestmark = pytest.mark.ships


D = 64


def draw(count, width=D, seed=0, decay=0.5):
    """Seeded (count, width) float64 whose k-th deviation falls like k^-decay, correlated."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((width, width)))[0]
    scale = np.arange(1, width + 1) ** -decay
    return rng.standard_normal((count, width)) * scale @ rotation + rng.standard_normal(width) / 9


def draw_orthogonal(count):
    """(count, count - 1): centred, uncorrelated columns of variance one."""
    columns = np.random.default_rng(count).standard_normal((count, count))
    columns[:, 0] = 1
    return np.linalg.qr(columns)[0][:, 1:] * np.sqrt(count - 1)


def by_torchmetrics(features, real):
    import_torchvision("torchvision")
    from torchmetrics.image.fid import _compute_fid

    mean, covariance = (torch.from_numpy(a) for a in (features.mean(0), np.cov(features.T)))
    other = [torch.from_numpy(a) for a in (real.mean, real.covariance)]
    return float(_compute_fid(mean, covariance, *other))


def by_torch_fidelity(features, real):
    import_torchvision("torchvision")  # torch_fidelity itself could not import it here
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    own = {"mu": features.mean(0), "sigma": np.cov(features.T)}
    other = {"mu": real.mean, "sigma": real.covariance}
    return fid_statistics_to_metric(own, other, False)["frechet_inception_distance"]


def by_eigenvalues(features, real):
    """The n x n problem once more, from the product's own eigenvalues instead of the Gram's."""
    centred = torch.from_numpy((features - features.mean(0)) / np.sqrt(len(features) - 1))
    product = centred @ torch.from_numpy(real.covariance) @ centred.T
    roots = torch.linalg.eigvals(product).real.clamp(min=0).sort().values[1:].sqrt()
    gap = ((features.mean(0) - real.mean) ** 2).sum()
    return gap + float(centred.square().sum()) + np.trace(real.covariance) - 2 * float(roots.sum())


def by_scipy(features, real):
    covariance = np.cov(features.T)
    root = scipy.linalg.sqrtm(covariance @ real.covariance).real
    gap = ((features.mean(0) - real.mean) ** 2).sum()
    return gap + np.trace(covariance) + np.trace(real.covariance) - 2 * np.trace(root)


def diagonal(variances, mean=0.0):
    variances = np.asarray(variances, np.float64)
    return Statistics(np.full(len(variances), mean), np.diag(variances), 1000)


def test_statistics_are_those_of_numpy():
    features = draw(9000).astype(np.float32)  # more than one block
    statistics = features_to_statistics(features)
    assert statistics.count == 9000
    np.testing.assert_allclose(statistics.mean, features.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance, np.cov(features.astype(np.float64).T), rtol=1e-9, atol=1e-13
    )
    np.testing.assert_allclose(
        statistics.factor @ statistics.factor.T, statistics.covariance, atol=1e-13
    )


@pytest.mark.parametrize("count", [D // 4, D - 1, D, D + 1, 5 * D])
@pytest.mark.parametrize("oracle", [by_torchmetrics, by_torch_fidelity, by_scipy])
def test_every_shape_agrees_with_the_oracles(count, oracle):
    real = features_to_statistics(draw(400, seed=1))
    features = draw(count, seed=2) * 1.2
    # Below D rows the oracles add roots of rounding errors, up to 1e-8 each.
    tolerance = 1e-6 if count > D else 1e-5
    value = frechet_distance(features, real)
    assert value == pytest.approx(oracle(features, real), rel=tolerance)
    both = statistics_distance(features_to_statistics(features), real)
    assert value == pytest.approx(both, rel=1e-7)


def test_diagonal_covariances_give_the_sum_over_deviations():
    a, b = np.linspace(0.1, 3, D), np.linspace(2, 0.01, D)
    value = statistics_distance(diagonal(a, 1.0), diagonal(b, 0.5))
    assert value == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum() + D / 4, rel=1e-12)


@pytest.mark.parametrize("count", [20, 300])
@pytest.mark.parametrize("factor", [0.5, 0.99, 3.0])
def test_scaled_covariance_gives_squared_gap_times_variance(count, factor):
    features = draw(count)
    centred = features - features.mean(0)
    real = features_to_statistics(centred)
    expected = (1 - factor) ** 2 * real.total_variance
    assert frechet_distance(factor * centred, real) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("count", [30, 300])
def test_rotation_leaves_the_distance(count):
    rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((D, D)))[0]
    features, real = draw(count, seed=3), draw(200, seed=4)
    value = frechet_distance(features, features_to_statistics(real))
    turned = frechet_distance(features @ rotation, features_to_statistics(real @ rotation))
    assert turned == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("count", [2, 30, 300])
def test_a_set_is_at_no_distance_from_itself(count):
    features = draw(count)
    real = features_to_statistics(features)
    assert abs(frechet_distance(features, real)) < 1e-12 * real.total_variance * D
    assert abs(statistics_distance(real, real)) < 1e-12 * real.total_variance * D


def test_distance_is_symmetric():
    one, other = draw(200, seed=1), draw(40, seed=2)
    forth = frechet_distance(one, features_to_statistics(other))
    back = frechet_distance(other, features_to_statistics(one))
    assert forth == pytest.approx(back, rel=1e-9)


def test_duplicates_cost_no_digits():
    """Half of the competition's images are flat boxes: copies make the Gram matrix singular, and
    the roots of its rounding errors would add up."""
    base = draw(20, seed=6)
    copies = np.concatenate([base, base, base])
    real = features_to_statistics(draw(500, seed=7))
    # Equal mean, covariance by the factor of unbiasedness: a case without copies to compare with.
    centred = base - base.mean(0)
    scaled = base.mean(0) + centred * np.sqrt(60 / 59 * 19 / 20)
    assert frechet_distance(copies, real) == pytest.approx(frechet_distance(scaled, real), rel=1e-9)


def test_rank_deficient_on_both_sides():
    """Real features in a 10-dimensional subspace, fewer generated ones than that has dimensions."""
    basis = np.linalg.qr(np.random.default_rng(8).standard_normal((D, 10)))[0]
    low_real, low = draw(300, 10, seed=9), draw(6, 10, seed=10)
    value = frechet_distance(low @ basis.T, features_to_statistics(low_real @ basis.T))
    within = frechet_distance(low, features_to_statistics(low_real))
    assert value == pytest.approx(within, rel=1e-9)
    constant = np.ones((5, D))
    real = features_to_statistics(draw(100))
    gap = ((1 - real.mean) ** 2).sum()
    assert frechet_distance(constant, real) == pytest.approx(gap + real.total_variance, rel=1e-9)


def test_steep_spectrum_agrees_with_the_diagonal_form():
    """Deviations over eight decades, as real Inception features have them."""
    deviations = 10.0 ** -np.linspace(0, 8, D)
    features = np.zeros((40, D))
    features[:, :39] = draw_orthogonal(40) * deviations[:39]
    real = Statistics(np.zeros(D), np.diag(4 * deviations**2), 1000)
    expected = (deviations[:39] ** 2).sum() + 4 * (deviations[39:] ** 2).sum()
    assert frechet_distance(features, real) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [2, 10, D, D + 1, 200])
def test_rank_bound_is_reached_by_the_best_choice_and_never_passed(count):
    real = features_to_statistics(draw(500, seed=12))
    bound = rank_bound(real, count)
    ascending = np.linalg.eigvalsh(real.covariance)
    assert bound == pytest.approx(ascending[: max(D - count + 1, 0)].sum(), abs=1e-12)
    assert frechet_distance(draw(count, seed=13), real) >= bound
    if count <= D:  # features along the leading eigenvectors with their variances
        values, vectors = np.linalg.eigh(real.covariance)
        best = (
            draw_orthogonal(count) * np.sqrt(values[-(count - 1) :]) @ vectors[:, -(count - 1) :].T
            + real.mean
        )
        assert frechet_distance(best, real) == pytest.approx(bound, rel=1e-8, abs=1e-12)


def test_full_width_agrees_with_the_eigenvalues_of_the_product():
    """D = 2,048 as submitted."""
    real = features_to_statistics(draw(2500, 2048, seed=14, decay=0.8))
    few = draw(200, 2048, seed=15, decay=0.8)
    assert frechet_distance(few, real) == pytest.approx(by_eigenvalues(few, real), rel=1e-7)


SIDES = {
    "spread": lambda count, width: np.random.default_rng(count).standard_normal((count, width)),
    "ones": lambda count, width: np.ones((count, width)),
    "zeros": lambda count, width: np.zeros((count, width)),
    "0.1 throughout": lambda count, width: np.full((count, width), 0.1),
    "one row again": lambda count, width: np.tile(np.linspace(-1, 3, width), (count, 1)),
    "one direction": lambda count, width: np.outer(np.arange(count), np.linspace(1, 2, width)),
}


@pytest.mark.parametrize("real", SIDES)
@pytest.mark.parametrize("generated", SIDES)
@pytest.mark.parametrize(("count", "width"), [(20, 8), (8, 8), (5, 8), (2, 8), (2, 1), (9, 1)])
def test_ranks_down_to_zero_agree_with_scipy(count, width, generated, real):
    """A covariance of zero and as many images as directions once were an IndexError."""
    one, other = SIDES[generated](count, width), SIDES[real](50, width)
    statistics = features_to_statistics(other)
    product = np.cov(one.T).reshape(width, width) @ np.cov(other.T).reshape(width, width)
    root = np.sqrt(np.maximum(scipy.linalg.eigvals(product).real, 0)).sum()
    scale = 1 + one.var(axis=0).sum() + other.var(axis=0).sum()
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum()
    expected += one.var(axis=0, ddof=1).sum() + other.var(axis=0, ddof=1).sum() - 2 * root
    for exact in (True, False):
        found = frechet_distance(one, statistics, exact=exact)
        assert found == pytest.approx(expected, abs=1e-6 * scale)
        own = features_to_statistics(one)
        assert statistics_distance(own, statistics, exact=exact) == pytest.approx(
            expected, abs=1e-6 * scale
        )
        assert statistics_distance(statistics, own, exact=exact) == pytest.approx(
            expected, abs=1e-6 * scale
        )


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.zeros((1, D)), "wrong shape"),
        (np.zeros((5, D + 1)), "wrong shape"),
        (np.zeros(D), "wrong shape"),
        (np.where(np.arange(5 * D).reshape(5, D) == 3 * D + 1, np.nan, 0.0), "row 3"),
        (np.full((4, D), np.inf), "4 broken rows"),
    ],
)
def test_bad_features_are_named(features, words):
    with pytest.raises(InputError, match=words):
        frechet_distance(features, diagonal(np.ones(D)))
