"""lib.kernel.fid_loss: value and gradient against fid.py, the host's preprocessing, lower FID."""

import numpy as np
import pytest
import torch

from lib.kernel.errors import PipelineError
from lib.kernel.fid import features_to_statistics, frechet_distance
from lib.kernel.fid_loss import FidSlope, enlarge
from lib.kernel.preprocess import resize_on_device

WIDTH = 12


def draw(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """(count, WIDTH) float64 with an Inception-like, falling spectrum, correlated."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    scale = np.arange(1, WIDTH + 1) ** -0.7
    return (rng.standard_normal((count, WIDTH)) * scale) @ mix + shift


REAL = features_to_statistics(draw(500, 2, 0.3))


@pytest.mark.parametrize("count", [WIDTH // 2, 100])
def test_the_value_is_the_fid_of_the_same_set(count: int) -> None:
    own = draw(count, 3)
    slope = FidSlope(torch.from_numpy(own), REAL)
    assert slope.value == pytest.approx(frechet_distance(own, REAL), rel=1e-6)


def test_the_gradient_is_that_of_fid_by_finite_differences() -> None:
    own = draw(60, 4)
    slope = FidSlope(torch.from_numpy(own), REAL)
    batch = torch.from_numpy(own.copy()).requires_grad_()
    slope.loss(batch).backward()
    assert batch.grad is not None
    step = 1e-5
    for row, column in ((0, 0), (7, 3), (31, 11), (59, 5)):
        sides = []
        for sign in (1, -1):
            moved = own.copy()
            moved[row, column] += sign * step
            sides.append(frechet_distance(moved, REAL))
        expected = (sides[0] - sides[1]) / (2 * step)
        assert float(batch.grad[row, column]) == pytest.approx(expected, rel=1e-4, abs=1e-8)


def test_absorbing_everything_makes_the_batch_the_population() -> None:
    before, after = draw(80, 5, 2.0), draw(80, 6)
    slope = FidSlope(torch.from_numpy(before), REAL)
    slope.absorb(torch.from_numpy(after), decay=0.0)
    slope.refresh()
    assert slope.value == pytest.approx(frechet_distance(after, REAL), rel=1e-6)


def test_a_small_generator_lowers_its_fid() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 32), torch.nn.SiLU(), torch.nn.Linear(32, WIDTH)
    )
    random = torch.Generator().manual_seed(1)
    adam = torch.optim.Adam(network.parameters(), 3e-3)
    with torch.no_grad():
        slope = FidSlope(network(torch.randn(1000, WIDTH, generator=random)), REAL)
    held_out = torch.randn(1000, WIDTH, generator=random)
    before = frechet_distance(network(held_out).detach().numpy(), REAL)
    for step in range(600):
        features = network(torch.randn(64, WIDTH, generator=random))
        adam.zero_grad()
        slope.loss(features).backward()
        adam.step()
        slope.absorb(features, decay=0.95)
        if step % 5 == 0:
            slope.refresh()
    after = frechet_distance(network(held_out).detach().numpy(), REAL)
    assert after < 0.1 * before


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_enlarged_as_the_fast_path_does_and_gradients_pass(channels: int) -> None:
    images = np.random.default_rng(7).integers(0, 256, (2, channels, 32, 32), dtype=np.uint8)
    pictures = torch.from_numpy(images).float().div(127.5).sub(1.0).requires_grad_()
    large = enlarge(pictures)
    expected = resize_on_device(torch.from_numpy(images).expand(-1, 3, -1, -1))
    assert torch.allclose(large, expected, atol=1e-6)
    large.sum().backward()
    assert pictures.grad is not None
    share = 127.5 / 255 * (299 / 32) ** 2 * 3 / channels
    assert float(pictures.grad[..., 8:24, 8:24].mean()) == pytest.approx(share, rel=0.02)


def test_one_sample_is_no_population() -> None:
    with pytest.raises(PipelineError, match="two samples"):
        FidSlope(torch.zeros(1, WIDTH), REAL)
