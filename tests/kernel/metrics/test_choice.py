"""Without a pool all that was drawn is submitted; what is told of it."""

import numpy as np
import pytest

from lib.kernel.metrics.choice import Choice, take_first
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference
from lib.kernel.recipes.table import make_config

pytestmark = pytest.mark.ships


def draw(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 24)).astype(np.float32)


def take(real: np.ndarray, drawn: np.ndarray) -> Choice:
    config = make_config("pixel", {"samples": len(drawn), "floor_draws": 3})
    floor = measure_floor(real, config.floor_draws, config.seed, len(drawn))
    return take_first(drawn, Reference(real, features_to_statistics(real), floor), config)


def test_without_a_pool_all_are_taken_and_their_fid_is_that_of_a_random_draw() -> None:
    real, drawn = draw(400, 0), draw(100, 1)
    choice = take(real, drawn)
    assert choice.rows.tolist() == list(range(100))
    metrics = choice.metrics
    assert metrics["fid"] == frechet_distance(drawn, features_to_statistics(real))
    assert metrics["fid_random"] == metrics["fid"]
    assert metrics["excess"] == pytest.approx(metrics["fid"] - metrics["floor"])
    assert (metrics["curated"], metrics["pool"]) == (False, 100)
    assert "fid_random_se" not in metrics  # there is but one draw
    assert "score_notes" not in metrics  # nothing was chosen by FID


def test_with_too_few_real_images_there_is_no_excess() -> None:
    metrics = take(draw(40, 2), draw(100, 3)).metrics
    assert metrics["excess"] is None
    assert np.isfinite([metrics["fid"], metrics["floor"]]).all()
    assert (metrics["floor_size"], metrics["floor_against"]) == (100, 40)
