"""lib.kernel.recipes.pixel.losses against closed forms."""

import math

import pytest
import torch

from lib.kernel.recipes.pixel import losses

pytestmark = pytest.mark.ships


def test_pixel_nll_of_a_known_distribution() -> None:
    chances = torch.full((256,), 0.5 / 255)
    chances[7] = 0.5
    logits = chances.log().expand(2, 3, 256) + 5.0  # a constant changes nothing
    values = torch.full((2, 3), 7, dtype=torch.uint8)
    assert math.isclose(losses.pixel_nll(logits, values).item(), math.log(2), rel_tol=1e-5)


def test_pixel_nll_counts_each_pixel_by_its_weight() -> None:
    logits = torch.zeros(1, 2, 3, 256)
    logits[0, 1] = torch.randn(256)
    values = torch.tensor([[[0, 1, 2], [3, 4, 5]]])
    apart = [losses.pixel_nll(logits[:, [k]], values[:, [k]]).item() for k in range(2)]
    weighted = losses.pixel_nll(logits, values, torch.tensor([[0.5, 3.0]])).item()
    assert math.isclose(apart[0], math.log(256), rel_tol=1e-5)
    assert math.isclose(weighted, (0.5 * apart[0] + 3.0 * apart[1]) / 2, rel_tol=1e-5)
