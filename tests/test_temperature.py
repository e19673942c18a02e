"""The sweep keeps the temperature whose samples are nearest to the held-out real images."""

import dataclasses

import numpy as np
import pytest

from lib.kernel.config import Config, make_config
from lib.kernel.fid import features_to_statistics
from lib.kernel.temperature import MOST_TRIES, STEP, Sweep, sweep_temperature


def sweep_for(right: float) -> tuple[Sweep, list[float]]:
    """Real images of deviation `right`, samples of deviation temperature -> Sweep, those asked."""
    config = dataclasses.replace(make_config("pixel", {}), temperature=0.8)
    real = np.random.default_rng(2).normal(scale=right, size=(4000, 8))
    asked: list[float] = []

    def draw(tried: Config) -> np.ndarray:
        asked.append(tried.temperature)
        return np.random.default_rng(2).normal(scale=tried.temperature, size=(4000, 8))

    found = sweep_temperature(config, draw, lambda samples: samples, features_to_statistics(real))
    return found, asked


@pytest.mark.parametrize("right", [0.8 * 0.86, 0.8 * 0.97, 0.8, 0.8 * 1.02, 0.8 * 1.08])
def test_the_temperature_of_the_real_images_is_found(right: float) -> None:
    found, asked = sweep_for(right)
    assert found.temperature == pytest.approx(right, rel=0.01)
    assert min(found.tried.values()) == found.tried[f"{found.temperature:g}"]
    assert len(asked) == len(set(asked)) == len(found.tried) <= MOST_TRIES


@pytest.mark.parametrize(("right", "way"), [(0.1, 1), (8.0, -1)])
def test_a_temperature_that_is_far_away_is_approached_in_few_tries(right: float, way: int) -> None:
    found, asked = sweep_for(right)
    assert len(asked) <= MOST_TRIES
    assert found.temperature == pytest.approx(0.8 * STEP ** (4 * way), rel=0.07)
