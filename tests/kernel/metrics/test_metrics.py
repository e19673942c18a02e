"""KID, manifold, neighbours and pixel statistics against definitions, closed forms and oracles."""

import numpy as np
import pytest
import torch

from lib.base.errors import InputError
from lib.kernel.metrics import kid_prdc
from lib.kernel.metrics.kid_prdc import (
    find_neighbours,
    kernel_distance,
    measure_kid,
    measure_manifold,
)
from lib.kernel.metrics.pixel_statistics import (
    KINDS,
    classify_images,
    measure_pixels,
    measure_spectrum,
)
from lib.kernel.metrics.torchvision_import import import_torchvision

pytestmark = pytest.mark.ships


D = 16


def draw(count, seed, shift=0.0):
    return np.random.default_rng(seed).standard_normal((count, D)) + shift


def test_kernel_distance_by_its_definition():
    one, other = draw(7, 0), draw(5, 1)

    def kernel(x, y):
        return (x @ y / D + 1) ** 3

    own = [kernel(x, y) for i, x in enumerate(one) for j, y in enumerate(one) if i != j]
    others = [kernel(x, y) for i, x in enumerate(other) for j, y in enumerate(other) if i != j]
    mixed = [kernel(x, y) for x in one for y in other]
    expected = np.mean(own) + np.mean(others) - 2 * np.mean(mixed)
    assert kernel_distance(one, other) == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_in_blocks(monkeypatch):
    one, other = draw(50, 2), draw(70, 3, 0.5)
    whole = kernel_distance(one, other)
    monkeypatch.setattr(kid_prdc, "_ROWS_AT_ONCE", 16)
    assert kernel_distance(one, other) == pytest.approx(whole, rel=1e-11)


def test_kid_of_whole_sets_is_torch_fidelitys():
    import_torchvision("torchvision")
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    one, other = draw(40, 4), draw(40, 5, 0.3)
    oracle = kid_features_to_metric(
        torch.from_numpy(one), torch.from_numpy(other), kid_subset_size=40, verbose=False
    )
    assert kernel_distance(one, other) == pytest.approx(oracle[KEY_METRIC_KID_MEAN], rel=1e-9)


def test_kid_over_subsets_is_unbiased_and_seeded():
    one, other = draw(400, 6), draw(1200, 7, 0.2)
    kid = measure_kid(one, other, seed=1)
    assert kid.size == 200  # half of the smaller set
    assert kid == measure_kid(one, other, seed=1)
    assert kid != measure_kid(one, other, seed=2)
    exact = kernel_distance(one, other)
    assert abs(kid.mean - exact) < 5 * kid.spread / kid_prdc.KID_SUBSETS**0.5
    assert measure_kid(draw(1000, 8), draw(3000, 9), seed=1, subsets=2).size == 500


def test_kid_of_one_distribution_is_about_zero_and_of_two_is_not():
    same = measure_kid(draw(600, 10), draw(600, 11), seed=0)
    other = measure_kid(draw(600, 10), draw(600, 11, 0.3), seed=0)
    assert abs(same.mean) < same.spread * 3
    assert other.mean > other.spread * 5


def compute_manifold(fake, true, k):
    """Precision, recall, density, coverage by their definitions, one pair at a time."""
    count = len(fake)

    def radius(rows, row):
        others = [np.linalg.norm(rows[row] - rows[i]) for i in range(len(rows)) if i != row]
        return sorted(others)[k - 1]

    true_radius = [radius(true, row) for row in range(count)]
    fake_radius = [radius(fake, row) for row in range(count)]
    gap = [[np.linalg.norm(x - y) for y in fake] for x in true]
    inside = np.array([[gap[i][j] <= true_radius[i] for j in range(count)] for i in range(count)])
    found = np.array([[gap[i][j] <= fake_radius[j] for j in range(count)] for i in range(count)])
    return (
        inside.any(axis=0).mean(),
        found.any(axis=1).mean(),
        inside.sum() / (k * count),
        inside.any(axis=1).mean(),
    )


def test_manifold_by_its_definition_and_in_blocks(monkeypatch):
    fake, true = draw(60, 12) * 1.3, draw(60, 13, 0.2)
    expected = compute_manifold(fake, true, 3)
    for rows in (2048, 13):
        monkeypatch.setattr(kid_prdc, "_ROWS_AT_ONCE", rows)
        found = measure_manifold(fake, true, seed=0)
        values = (found.precision, found.recall, found.density, found.coverage)
        assert values == pytest.approx(expected, rel=1e-12)


def test_precision_and_recall_are_torch_fidelitys():
    import_torchvision("torchvision")
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    fake, true = draw(200, 14) * 1.4, draw(200, 15)
    expected = calculate_precision_recall_full(torch.from_numpy(fake), torch.from_numpy(true), 3)
    found = measure_manifold(fake, true, seed=0)
    assert (found.precision, found.recall) == pytest.approx(expected)
    assert found.precision < found.recall < 1  # a spread too wide: it covers, but strays


def test_manifold_takes_equal_numbers_by_the_seed():
    fake, true = draw(30, 16), draw(300, 17)
    found = measure_manifold(fake, true, seed=1)
    assert found.size == 30
    assert found == measure_manifold(fake, true, seed=1)
    assert found != measure_manifold(fake, true, seed=2)


def test_copies_lie_in_balls_of_radius_zero():
    """Flat boxes come many times: their neighbours are at distance 0, which rounding must keep."""
    kinds = 100 * draw(5, 18)
    true = kinds.repeat(8, axis=0)
    found = measure_manifold(true[::-1], true, seed=0)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    elsewhere = measure_manifold(true + 1, true, seed=0)
    assert (elsewhere.precision, elsewhere.recall, elsewhere.coverage) == (0, 0, 0)


def test_neighbours_are_those_of_a_full_sort(monkeypatch):
    queries, base = draw(9, 19), draw(100, 20)
    distances = np.linalg.norm(queries[:, None] - base[None], axis=2)
    expected = np.argsort(distances, axis=1)[:, :4]
    for rows, values in ((2048, 10**6), (7, 10**6), (2048, 3 * base.shape[1])):
        monkeypatch.setattr(kid_prdc, "_ROWS_AT_ONCE", rows)
        monkeypatch.setattr(kid_prdc, "_VALUES_AT_ONCE", values)
        found, gaps = find_neighbours(queries, base, 4)
        assert np.array_equal(found, expected)
        np.testing.assert_allclose(gaps, np.take_along_axis(distances, expected, axis=1))


def test_neighbours_of_pixels_find_copies_and_take_the_first(monkeypatch):
    images = np.random.default_rng(21).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    images[30] = images[5]
    monkeypatch.setattr(kid_prdc, "_ROWS_AT_ONCE", 16)
    rows, gaps = find_neighbours(images[[30, 7]], images, 2)
    assert rows[:, 0].tolist() == [5, 7]
    assert rows[0, 1] == 30
    assert gaps[0].tolist() == [0, 0]
    assert gaps[1, 0] == 0 < gaps[1, 1]
    assert find_neighbours(images[:2], images[:3], 9)[0].shape == (2, 3)


def test_features_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="real features have the wrong shape"):
        kernel_distance(draw(5, 22), np.zeros((5, D + 1)))
    with pytest.raises(InputError, match="NaN"):
        measure_manifold(np.full((5, D), np.nan), draw(5, 23), seed=0)


def grey(values):
    """(N, H, W) levels -> (N, 3, H, W) uint8."""
    return np.asarray(values).astype(np.uint8)[:, None].repeat(3, axis=1)


def test_spectrum_of_white_noise_is_its_variance():
    noise = np.random.default_rng(24).integers(0, 256, (600, 32, 32))
    spectrum = measure_spectrum(grey(noise))
    assert spectrum.shape == (17,)
    assert spectrum[0] == pytest.approx(0, abs=1e-20)  # the mean is taken off
    np.testing.assert_allclose(spectrum[1:], (noise / 255).var(), rtol=0.05)


@pytest.mark.parametrize("cycles", [1, 5, 12])
def test_spectrum_of_a_wave_lies_at_its_radius(cycles):
    phase = 2 * np.pi * cycles * np.arange(32) / 32
    wave = np.rint(127.5 + 127.5 * np.cos(phase))[None, None, :].repeat(32, axis=1)
    spectrum = measure_spectrum(grey(wave))
    assert spectrum.argmax() == cycles
    assert spectrum[cycles] > 0.99 * spectrum.sum()


def test_power_sums_to_the_variance():
    """Parseval: over all frequencies, the corners beyond the last radius included."""
    images = grey(np.random.default_rng(25).integers(0, 256, (1, 2, 2)))
    variance = (images[0, 0] / 255).var()
    spectrum = measure_spectrum(images)  # of the 4 frequencies, all but the mean have radius 1
    assert 3 * spectrum[1] / 4 == pytest.approx(variance)


def draw_kinds():
    """One picture of each kind, by hand."""
    rng = np.random.default_rng(26)
    flat = np.zeros((32, 32))
    flat[2:30, 3:30] = 255
    inverted = 255 - flat
    sparse = np.zeros((32, 32))
    sparse[2:30, 2:30] = 255 * (rng.random((28, 28)) < 0.15)
    soft = rng.integers(0, 256, (32, 32))
    other = 255.0 * (np.indices((32, 32)).sum(axis=0) % 2)
    return grey([flat, inverted, sparse, soft, other])


def test_kinds_of_picture():
    assert tuple(classify_images(draw_kinds())) == KINDS
    white, black = grey(np.full((1, 32, 32), 255)), grey(np.zeros((1, 32, 32)))
    assert [str(classify_images(image)[0]) for image in (white, black)] == ["flat", "other"]


def test_dirt_and_grey_smear_do_not_count_as_flat():
    dirty = draw_kinds()[:1].copy()
    dirty[:, :, 10:16, 10:20] = 0
    smeared = draw_kinds()[:1].copy()
    smeared[:, :, 8:20, 8:20] = 120
    assert classify_images(dirty)[0] == "other"
    assert classify_images(smeared)[0] == "soft"


def test_pixel_statistics_by_hand():
    images = np.concatenate([draw_kinds(), draw_kinds()[:1]])
    found = measure_pixels(images)
    assert found.count == 6
    assert found.mean == pytest.approx((images / 255).mean(), rel=1e-12)
    assert found.deviation == pytest.approx((images / 255).std(), rel=1e-12)
    assert found.black == (images == 0).mean()
    assert found.white == (images == 255).mean()
    assert found.kinds == pytest.approx(
        {"flat": 2 / 6, "inverted": 1 / 6, "sparse": 1 / 6, "soft": 1 / 6, "other": 1 / 6}
    )
    assert found.spectrum == tuple(measure_spectrum(images))


def test_pixel_statistics_in_blocks(monkeypatch):
    images = draw_kinds()
    whole = measure_pixels(images)
    pixels = 2 * images[0, 0].size
    monkeypatch.setattr("lib.kernel.metrics.pixel_statistics._PIXELS_AT_ONCE", pixels)
    parts = measure_pixels(images)
    assert parts.kinds == whole.kinds
    assert parts.spectrum == pytest.approx(whole.spectrum)
