"""The sweep keeps the temperature whose samples are nearest to the held-out real images."""

import dataclasses

import numpy as np
import pytest

from lib.kernel.configuration.config import COLDEST, HOTTEST, Config
from lib.kernel.metrics.fid import features_to_statistics
from lib.kernel.planning.plan import LEAST_TRIES, MOST_TRIES
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling.temperature_sweep import (
    STEP,
    Sweep,
    try_temperatures,
)

pytestmark = pytest.mark.ships


def sweep_for(
    right: float, usual: float = 0.8, tries: int = MOST_TRIES
) -> tuple[Sweep, list[float]]:
    """Real images of deviation `right`, samples of deviation temperature -> Sweep, those asked.

    Both are the same numbers, scaled, so that the right temperature has an FID of 0.
    """
    config = dataclasses.replace(make_config("pixel", {}), temperature=usual)
    real = np.random.default_rng(2).normal(scale=right, size=(4000, 8))
    asked: list[float] = []

    def draw(tried: Config) -> np.ndarray:
        asked.append(tried.temperature)
        return np.random.default_rng(2).normal(scale=tried.temperature, size=(4000, 8))

    statistics = features_to_statistics(real)
    found = try_temperatures(config, draw, lambda samples: samples, statistics, tries)
    return found, asked


@pytest.mark.parametrize("right", [0.8 * 0.86, 0.8 * 0.97, 0.8, 0.8 * 1.02, 0.8 * 1.08])
def test_the_temperature_of_the_real_images_is_found(right: float) -> None:
    found, asked = sweep_for(right)
    assert found.temperature == pytest.approx(right, rel=0.01)
    assert min(found.tried.values()) == found.tried[f"{found.temperature:g}"]
    assert len(asked) == len(set(asked)) == len(found.tried) <= MOST_TRIES


@pytest.mark.parametrize(("right", "steps"), [(0.1, 6), (8.0, -5)])
def test_a_temperature_that_is_far_away_is_approached_in_few_tries(
    right: float, steps: int
) -> None:
    found, asked = sweep_for(right)
    assert len(asked) == MOST_TRIES
    assert found.temperature == pytest.approx(0.8 * STEP**steps, rel=1e-4)


def test_fewer_tries_are_kept_to() -> None:
    found, asked = sweep_for(0.8 * 0.86, tries=LEAST_TRIES)
    assert asked == pytest.approx([0.8, 0.8 * STEP, 0.8 * STEP**2])
    assert found.temperature == asked[-1]


def test_where_nothing_differs_the_configured_temperature_stays() -> None:
    same = np.random.default_rng(0).normal(size=(100, 4))
    config = make_config("first-seed", {})
    found = try_temperatures(config, lambda _: same, lambda s: s, features_to_statistics(same), 7)
    assert found.temperature == 1.0


@pytest.mark.parametrize("edge", [COLDEST, HOTTEST])
def test_no_temperature_beyond_the_range_of_config_is_drawn(edge: float) -> None:
    right = 0.5 * edge if edge == COLDEST else 2.0 * edge
    found, asked = sweep_for(right, usual=edge)
    assert all(COLDEST <= temperature <= HOTTEST for temperature in asked)
    assert found.temperature == edge
