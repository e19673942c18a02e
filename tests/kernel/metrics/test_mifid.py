"""MiFID against torchmetrics, closed forms, and the whole matrix at once."""

import numpy as np
import pytest
import torch

from lib.base.errors import InputError
from lib.kernel.metrics import mifid
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.mifid import (
    THRESHOLD,
    Memorisation,
    find_least_distances,
    find_penalty,
    measure_memorisation,
)
from lib.kernel.metrics.torchvision_import import import_torchvision

pytestmark = pytest.mark.ships

D = 16


def draw(count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """(count, D) float32 around one direction: the spread decides how near their angles are."""
    random = np.random.default_rng(seed)
    return (1 + spread * random.standard_normal((count, D))).astype(np.float32)


def measure(generated: np.ndarray, training: np.ndarray) -> tuple[float, Memorisation]:
    """Features of both -> MiFID, and what it was made of."""
    found = measure_memorisation(generated, training, 0)
    return found.penalise(frechet_distance(generated, features_to_statistics(training))), found


def by_torchmetrics(generated: np.ndarray, training: np.ndarray) -> float:
    """The same by torchmetrics; its mean goes over what it calls real, so the sides change."""
    import_torchvision("torchvision")
    from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance

    metric = MemorizationInformedFrechetInceptionDistance(torch.nn.Identity())
    metric.update(torch.from_numpy(generated.astype(np.float64)), real=True)
    metric.update(torch.from_numpy(training.astype(np.float64)), real=False)
    return float(metric.compute())


@pytest.mark.parametrize(
    ("spread", "is_penalised"), [(0.05, True), (0.3, True), (1.0, False), (3.0, False)]
)
def test_features_give_what_they_give_torchmetrics(spread: float, is_penalised: bool) -> None:
    generated, training = draw(90, 1, spread), draw(400, 2, spread)
    value, found = measure(generated, training)
    assert value == pytest.approx(by_torchmetrics(generated, training), rel=1e-5)
    assert (found.distance < THRESHOLD) == is_penalised
    fid = frechet_distance(generated, features_to_statistics(training))
    assert (value > 1.01 * fid) == is_penalised


def test_zero_rows_are_left_out_as_torchmetrics_does() -> None:
    generated, training = draw(90, 1, 0.2), draw(400, 2, 0.2)
    generated[3], training[7] = 0.0, 0.0
    value, found = measure(generated, training)
    assert value == pytest.approx(by_torchmetrics(generated, training), rel=1e-5)
    others = measure_memorisation(np.delete(generated, 3, axis=0), training, 0)
    assert found.distance == pytest.approx(others.distance, rel=1e-12)
    assert np.isnan(find_least_distances(generated, training)[3])
    nothing = np.zeros((4, D), np.float32)
    assert measure_memorisation(nothing, training, 0).distance == 1.0
    assert measure_memorisation(generated, nothing, 0).distance == 1.0


def test_copies_have_distance_0_and_a_penalty_without_measure() -> None:
    training = draw(3000, 3)
    value, found = measure(training[1000:1100], training)
    assert found.distance < 1e-15
    fid = frechet_distance(training[1000:1100], features_to_statistics(training))
    assert value > 1e13 * fid
    assert found.distance_real > 0.01  # an image is no copy of itself
    assert found.against == 3000
    scaled = measure_memorisation(-7 * training[1000:1100], training, 0)
    assert scaled.distance < 1e-15  # neither length nor sign counts


def test_the_whole_training_set_has_fid_0_and_mifid_0_not_rounding_errors() -> None:
    training = draw(400, 4)
    value, found = measure(training, training)
    assert (value, by_torchmetrics(training, training)) == (0.0, 0.0)
    assert found.distance < 1e-15


def test_orthogonal_features_are_not_penalised() -> None:
    rows = np.eye(D, dtype=np.float32)
    value, found = measure(rows[:4], rows[4:])
    assert (found.distance, found.distance_real) == (1.0, 1.0)
    assert value == frechet_distance(rows[:4], features_to_statistics(rows[4:]))


def test_an_angle_by_hand_and_the_threshold() -> None:
    training = np.array([[1.0, 0.0], [0.0, 1.0]])
    generated = np.array([[2.0, 1.0], [3.0, 4.0]])  # cosines 2 / 5^(1/2) and 4 / 5
    found = measure_memorisation(generated, training, 0)
    assert found.distance == pytest.approx(1 - (2 / 5**0.5 + 0.8) / 2, rel=1e-12)
    assert find_penalty(0.05) == pytest.approx(20, rel=1e-9)
    assert find_penalty(THRESHOLD) == 1.0
    assert find_penalty(np.nextafter(THRESHOLD, 0)) == pytest.approx(10)


def test_repeated_training_images_are_0_apart_of_each_other() -> None:
    once = draw(50, 5)
    found = measure_memorisation(draw(100, 6), np.concatenate([once, once]), 0)
    assert found.distance_real < 1e-15


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    generated, training = draw(70, 7), draw(500, 8)
    itself = np.append([-1] * 35, np.arange(465, 500))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (generated, training)]
    cosines = np.abs(unit[0].astype(np.float64) @ unit[1].astype(np.float64).T)
    cosines[np.arange(35, 70), np.arange(465, 500)] = -1.0
    whole = find_least_distances(generated, training, itself)
    assert whole == pytest.approx(1 - cosines.max(axis=1), abs=1e-6)
    monkeypatch.setattr(mifid, "_ROWS_AT_ONCE", 33)
    assert find_least_distances(generated, training, itself) == pytest.approx(whole, abs=1e-7)


def test_features_that_cannot_be_compared_are_refused() -> None:
    broken = draw(9, 9)
    broken[2, 3] = np.nan
    with pytest.raises(InputError, match="NaN or infinity"):
        measure_memorisation(broken, draw(20, 1), 0)
    with pytest.raises(InputError, match="wrong shape"):
        measure_memorisation(draw(9, 9), draw(20, 1)[:, :5], 0)


def test_of_very_many_images_a_part_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mifid, "MOST", 10)
    training = np.random.default_rng(1).normal(size=(60, 8))
    copies = np.concatenate([training[:30], training[:30]])
    found = mifid.measure_memorisation(copies, training, 0)
    assert found.distance < 1e-12
    assert found.against == 60
