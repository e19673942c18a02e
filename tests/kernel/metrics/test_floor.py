"""Floors: an ideal generator, which draws what the real images were drawn from, exceeds by 0."""

import numpy as np
import pytest

from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import Floor, measure_floor, measure_floor_against

FLAT, LONG = np.ones(64), np.arange(1, 257) ** -1.0
STEEP = np.r_[np.full(8, 0.12), 0.01 * np.arange(1, 57) ** -1.2]


def draw(count, spectrum, *seeds):
    """(count, D) float32 with that spectrum, longer in the tails than a normal distribution."""
    rng = np.random.default_rng(seeds)
    rows = rng.standard_normal((count, len(spectrum))) * np.sqrt(spectrum)
    return (rows * np.exp(0.3 * rng.standard_normal((count, 1)))).astype(np.float32)


def measure_excess(spectrum, count, size, trials):
    """An ideal generator's mean excess over floors, its standard error, and the mean floor."""
    excess, floors = [], []
    for trial in range(trials):
        real = draw(count, spectrum, trial, count)
        statistics = features_to_statistics(real)
        ideal = (draw(size, spectrum, trial, count, k) for k in range(1, 4))  # a seed 0 is none
        fid = float(np.mean([frechet_distance(images, statistics) for images in ideal]))
        floor = measure_floor(real, 2, trial, size)
        assert floor.is_known
        excess.append(floor.excess(fid))
        floors.append(floor.mean)
    return np.mean(excess), np.std(excess, ddof=1) / trials**0.5, np.mean(floors)


@pytest.mark.parametrize("count", [1500, 3000, 6000])
@pytest.mark.parametrize("spectrum", [FLAT, STEEP], ids=["flat", "steep"])
def test_an_ideal_generator_has_no_excess(spectrum, count):
    """1,500, 2,000 and 3,000 real images once gave -36, -25 and -7 % of the floor."""
    mean, error, floor = measure_excess(spectrum, count, 1000, 50)
    assert error < 0.04 * floor  # else nothing is shown
    assert abs(mean) < 2 * error


def test_an_ideal_generator_has_no_excess_where_directions_outnumber_its_images():
    """96 % of the variance in 10 of them, 98.8 % in 32: the look-alike's Inception features.

    2,048 directions, 1,500 real images and 1,000 others, all by a quarter.
    """
    tail = np.arange(1, 481) ** -1.2
    spectrum = np.r_[np.full(10, 0.096), np.full(22, 0.0013), 0.012 * tail / tail.sum()]
    mean, error, floor = measure_excess(spectrum, 375, 250, 16)
    assert error < 0.1 * floor
    assert abs(mean) < 2 * error


@pytest.mark.parametrize("ratio", [1.5, 2, 3, 6])
def test_fewer_images_than_directions_are_within_4_percent(ratio):
    mean, error, floor = measure_excess(LONG, int(200 * ratio), 200, 20)
    assert error < 0.02 * floor
    assert abs(mean) < 0.04 * floor


def test_where_there_are_enough_real_images_the_floor_is_plain_held_out_draws():
    features = draw(300, FLAT, 0)
    floor = measure_floor(features, draws=3, seed=7, size=40, against=260)
    assert (floor.size, floor.rest, len(floor.values)) == (40, 260, 3)
    assert floor == measure_floor(features, draws=3, seed=7, size=40, against=260)
    assert floor != measure_floor(features, draws=3, seed=8, size=40, against=260)
    assert floor.mean == pytest.approx(np.mean(floor.values))
    assert floor.standard_error == pytest.approx(np.std(floor.values, ddof=1) / 3**0.5)
    plain = []
    for seed in range(200):
        order = np.random.default_rng(seed).permutation(300)
        rest = features_to_statistics(features[order[40:]])
        plain.append(frechet_distance(features[order[:40]], rest))
    assert abs(floor.mean - np.mean(plain)) < 5 * np.std(plain) / 3**0.5


@pytest.mark.parametrize("against", [45, 30])
def test_statistics_are_those_of_the_rest_alone(monkeypatch, against):
    """Sums less the held-out rows' are the rest's own, fewer rows than D included."""
    features = draw(90, FLAT, 16) + np.float32(0.4)
    seen = []

    def remember(held, rest, *, exact):
        seen.append((held, rest))
        return frechet_distance(held, rest, exact=exact)

    monkeypatch.setattr("lib.kernel.metrics.floor.frechet_distance", remember)
    floor = measure_floor(features, draws=2, seed=1, size=90 - against, against=against)
    assert (floor.size, floor.rest) == (90 - against, against)
    assert len(seen) == 2
    for held, rest in seen:
        kept = [row for row in features if not (held == row).all(axis=1).any()]
        own = features_to_statistics(np.array(kept))
        assert rest.count == own.count == against
        np.testing.assert_allclose(rest.mean, own.mean, atol=1e-7)
        np.testing.assert_allclose(rest.covariance, own.covariance, atol=1e-6)


def test_floor_against_given_statistics_is_that_of_an_ideal_generator():
    """The proof's floor, of one half against the other, was once of a half's half: 0.0083, 0.0062.

    Both are against the same images, so even their own accidents are shared.
    """
    ideal, floors = [], []
    for trial in range(20):
        used, unseen = draw(500, FLAT, trial, 2), features_to_statistics(draw(500, FLAT, trial, 3))
        floors.append(measure_floor_against(used, unseen, 3, trial, 200).mean)
        ideal.append(frechet_distance(draw(200, FLAT, trial, 4), unseen))
    gap = np.array(ideal) - floors
    assert abs(gap.mean()) < 2 * gap.std(ddof=1) / 20**0.5
    assert gap.std(ddof=1) / 20**0.5 < 0.02 * np.mean(ideal)
    floor = measure_floor_against(used, unseen, 3, 0, 200)
    assert (floor.size, floor.rest, floor.is_known) == (200, 500, True)


def test_too_few_real_images_say_nothing_of_the_excess():
    floor = measure_floor(draw(400, FLAT, 5), 2, 0)
    assert (floor.size, floor.rest, floor.is_known) == (1000, 400, False)
    assert floor.excess(1.0) is None
    assert "too few" in floor.describe()
    known = measure_floor(draw(3000, STEEP, 5), 2, 0)
    assert known.excess(known.mean + 0.5) == pytest.approx(0.5)
    assert known.describe() == "1,000 images against 3,000 real ones"


@pytest.mark.parametrize("count", [4, 5, 7, 8, 9, 16, 17, 24, 40])
@pytest.mark.parametrize("size", [2, 3, 12, 17, 1000])
def test_every_small_number_has_a_finite_floor(count, size):
    for against in (None, 2, 9, 1000):
        floor = measure_floor(draw(count, FLAT, 6), 2, 0, size, against)
        assert np.isfinite(floor.values).all()
        assert floor.mean > 0
    same = measure_floor(np.ones((count, 8), np.float32), 2, 0, size)
    assert same.mean == pytest.approx(0, abs=1e-9)


def test_floor_sinks_with_the_number_held_out():
    features = draw(2000, FLAT, 17)
    small, large = (measure_floor(features, 4, 0, size) for size in (50, 500))
    assert large.mean < small.mean / 4


def test_floor_tells_its_error():
    floor = Floor((1.0, 3.0), 10, 20)
    assert (floor.mean, floor.standard_error) == (2.0, 1.0)
