"""The sweep keeps the temperature whose samples are nearest to the held-out real images."""

import dataclasses

import numpy as np
import pytest

from lib.kernel.config import Config, make_config
from lib.kernel.fid import features_to_statistics
from lib.kernel.temperature import FACTORS, sweep_temperature


@pytest.mark.parametrize("right", [0.94 * 0.8, 1.03 * 0.8])
def test_the_temperature_of_the_real_images_is_found(right: float) -> None:
    config = dataclasses.replace(make_config("pixel", {}), temperature=0.8)
    real = np.random.default_rng(1).normal(scale=right, size=(4000, 8))
    asked: list[float] = []

    def draw(tried: Config) -> np.ndarray:
        asked.append(tried.temperature)
        return np.random.default_rng(2).normal(scale=tried.temperature, size=(4000, 8))

    found = sweep_temperature(config, draw, lambda samples: samples, features_to_statistics(real))
    assert asked == [pytest.approx(0.8 * factor) for factor in FACTORS]
    assert found.temperature == pytest.approx(right)
    assert min(found.tried.values()) == found.tried[f"{found.temperature:g}"]
