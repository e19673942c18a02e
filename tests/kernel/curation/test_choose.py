"""Which images are submitted and what is told of them: the floors beside each FID."""

import numpy as np
import pytest

from lib.kernel.curation.choose import choose_images
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference, split_halves
from lib.kernel.recipes.table import make_config


def draw(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 24)).astype(np.float32)


def choose(real, pool, samples, seed=0):
    config = make_config("pixel", {"samples": samples, "seed": seed, "floor_draws": 3})
    floor = measure_floor(real, config.floor_draws, config.seed, samples)
    side = Reference(real, features_to_statistics(real), floor)
    return choose_images(pool, side, config, 0.2)


def test_both_floors_and_their_sizes_stand_beside_the_fids():
    metrics = choose(draw(400, 0), draw(300, 1), 100).metrics
    assert (metrics["floor_size"], metrics["floor_against"]) == (100, 400)
    assert (metrics["floor_half_size"], metrics["floor_half_against"]) == (100, 200)
    assert metrics["excess"] == pytest.approx(metrics["fid"] - metrics["floor"])
    assert metrics["floor_half_se"] > 0


@pytest.mark.parametrize("count", [400, 120])
def test_the_proofs_floor_is_an_ideal_generators(count):
    """It was once held against the rest of the used half alone: a third too high."""
    gaps, ideals = [], []
    for seed in range(25):
        real = draw(count, seed)
        metrics = choose(real, draw(101, seed + 100), 100, seed).metrics
        unseen = features_to_statistics(real[split_halves(count, seed)[1]])
        ideal = np.mean([frechet_distance(draw(100, [seed, k]), unseen) for k in range(1, 5)])
        gaps.append(ideal - metrics["floor_half"])
        ideals.append(ideal)
    error = np.std(gaps, ddof=1) / 5
    assert error < 0.05 * np.mean(ideals)
    assert abs(np.mean(gaps)) < 2 * error


def test_with_too_few_real_images_there_is_no_excess():
    metrics = choose(draw(40, 2), draw(110, 3), 100).metrics
    assert metrics["excess"] is None
    assert np.isfinite([metrics["fid"], metrics["floor"]]).all()
    assert (metrics["floor_size"], metrics["floor_against"]) == (100, 40)
