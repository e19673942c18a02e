"""A generator that draws its training images again is exposed, one that draws new ones is not."""

from typing import Any

import numpy as np
import pytest

from lib.kernel.competition.contract import Images
from lib.kernel.metrics.choice import Choice, Drawn, take_first
from lib.kernel.metrics.copies import QUERIES, measure_nearness
from lib.kernel.metrics.extra_metrics import ExtraMetrics, measure_extra
from lib.kernel.metrics.fid import features_to_statistics
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference
from lib.kernel.metrics.unseen_fid import score_unseen
from lib.kernel.recipes.table import make_config

CONFIG = make_config("pixel", {"floor_draws": 3, "samples": 1000})
TRAINED = 1500
FLAT = np.full((1, 1, 32, 32), 255, np.uint8)


def draw(count: int, seed: int) -> np.ndarray:
    """(count, 1, 32, 32) uint8 grey pictures of 16 tiles, a third of them one flat picture."""
    random = np.random.default_rng(seed)
    tiles = random.integers(0, 256, (count, 1, 4, 4))
    pictures = np.kron(tiles, np.ones((8, 8), int)).astype(np.uint8)
    pictures[random.permutation(count)[: count // 3]] = FLAT
    return pictures


def look(images: np.ndarray) -> np.ndarray:
    """(N, 1, 32, 32) uint8 -> (N, 12) float32 features by a fixed projection."""
    mix = np.random.default_rng(9).normal(size=(16, 12))
    return (images[:, 0, ::8, ::8].reshape(-1, 16) / 255 @ mix).astype(np.float32)


def measure(generated: np.ndarray) -> tuple[dict[str, Any], ExtraMetrics]:
    """A generator's samples, (N, 1, 32, 32) uint8 -> its metrics and the extra ones."""
    training, unseen = draw(TRAINED, 1), draw(1000, 2)
    real, away = (
        Reference(
            rows, features_to_statistics(rows), measure_floor(look(draw(6000, 3)), 3, 0, 1000, n)
        )
        for rows, n in ((look(training), TRAINED), (look(unseen), 1000))
    )
    images = Images(training, training, unseen, unseen, "1,000 real images.", {})
    pool = look(generated)
    choice = take_first(pool, real, CONFIG)
    metrics = {**choice.metrics, **score_unseen(pool, choice, away, images, CONFIG)}
    own = Drawn(np.repeat(generated, 3, axis=1), pool, choice.rows)
    return metrics, measure_extra(own, np.repeat(training, 3, axis=1), training, unseen, real, 0)


def test_a_memoriser_is_good_where_it_was_trained_and_exposed_elsewhere() -> None:
    rows = np.random.default_rng(4).choice(TRAINED, 1000, replace=False)
    metrics, found = measure(draw(TRAINED, 1)[rows])
    assert metrics["fid"] < 0.6 * metrics["floor"]  # better than an ideal generator can be
    assert metrics["fid_unseen"] > 0.7 * metrics["floor_unseen"]
    assert metrics["fid_unseen"] > 2 * metrics["fid"]
    assert (metrics["floor_unseen_size"], metrics["floor_unseen_against"]) == (1000, 1000)
    assert found.details["nearest_training_rms"] == 0
    assert found.details["nearest_training_rms_unseen"] > 20
    assert found.details["exact_copies"] == found.details["nearest_images"] == QUERIES
    assert found.details["exact_copies_unseen"] == 0
    assert "Generated images are nearer" in found.copying
    assert "in 100% of pairs" in found.copying
    assert "the generator copies training images" in found.copying


def test_no_time_for_their_features_is_told() -> None:
    unseen = draw(5, 2)
    images = Images(unseen, unseen, unseen, unseen, "1,000 real images.", {})
    found = score_unseen(look(unseen), Choice(np.arange(5), {}), None, images, CONFIG)
    assert found["fid_unseen"] is None
    assert "1,000 real images. Their features would take too long" in found["unseen_note"]


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_an_honest_generator_is_not_accused(seed: int) -> None:
    metrics, found = measure(draw(1000, seed))
    for name in ("fid", "fid_unseen"):
        floor = "floor" if name == "fid" else "floor_unseen"
        assert 0.5 < metrics[name] / metrics[floor] < 2
    details = found.details
    assert details["nearest_images"] == QUERIES
    ratio = details["nearest_training_rms"] / details["nearest_training_rms_unseen"]
    assert ratio == pytest.approx(1, abs=0.06)
    assert "about as near" in found.copying
    assert "no sign of copying" in found.copying


def test_near_copies_and_plain_pictures_are_told_apart_from_far_ones() -> None:
    training, unseen = draw(TRAINED, 1), draw(1000, 2)
    tiles = training[(training != FLAT).any(axis=(1, 2, 3))]
    noise = np.random.default_rng(5).integers(-3, 4, tiles.shape)
    near = (tiles.astype(int) + noise).clip(0, 255).astype(np.uint8)
    found = measure_nearness(near, unseen, training, 0)
    assert 1 < found.generated.mean() < 3
    assert found.share_nearer == 1.0
    assert "it nearly copies, or its pictures are plainer" in found.describe()
    wild = np.random.default_rng(6).integers(0, 256, tiles.shape).astype(np.uint8)
    told = measure_nearness(wild, unseen, training, 0).describe()
    assert "farther away" in told
    assert "no sign of copying" in told


def test_distances_are_root_mean_squares_of_grey_levels() -> None:
    training = np.random.default_rng(0).integers(0, 200, (50, 3, 32, 32)).astype(np.uint8)
    found = measure_nearness(training[:30] + 5, training[:30] + 7, training, 0)
    assert found.generated == pytest.approx(5.0)
    assert found.unseen == pytest.approx(7.0)
    assert found.metrics["nearest_images"] == 30


def test_pictures_that_the_data_repeat_are_left_out_on_both_sides() -> None:
    training = draw(TRAINED, 1)
    flat = np.repeat(FLAT, 600, axis=0)
    found = measure_nearness(np.concatenate([flat, draw(60, 7)]), draw(1000, 2), training, 0)
    assert found.generated.min() > 0
    assert 25 < len(found.generated) == len(found.unseen) < 60
    once = np.concatenate([training[(training != FLAT).any(axis=(1, 2, 3))], FLAT])
    assert (measure_nearness(flat, draw(1000, 2), once, 0).generated == 0).all()


def test_nothing_is_said_where_too_few_can_be_compared() -> None:
    training, unseen = draw(TRAINED, 1), draw(1000, 2)
    none = measure_nearness(draw(100, 7), unseen[:0], training, 0)
    assert none.metrics["nearest_training_rms"] > 0
    assert none.metrics["nearest_training_rms_unseen"] is None
    flat = measure_nearness(np.repeat(FLAT, 100, axis=0), unseen, training, 0)
    assert flat.metrics["nearest_training_rms"] is None
    few = measure_nearness(draw(20, 7), unseen, training, 0)
    for found in (none, flat, few):
        assert "is not known" in found.describe()
