"""lib.kernel.recipes.wgan_gp.losses against closed forms."""

import math

import pytest
import torch

from lib.kernel.recipes.wgan_gp import losses

pytestmark = pytest.mark.ships


def test_critic_and_generator_losses_are_differences_of_means() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.5, -0.5, 3.0])
    assert losses.fake_minus_real(real, fake).item() == -1.0
    assert losses.generator_loss(fake).item() == -1.0


def test_penalty_is_two_sided_and_takes_each_picture_s_own_length() -> None:
    slope = torch.zeros(2, 3, 4, 4)
    slope[0] = 0.5  # length sqrt(48) / 2
    slope[1, 0, 0, :2] = torch.tensor([0.12, 0.16])  # length 0.2
    expected = ((math.sqrt(48) / 2 - 1) ** 2 + 0.8**2) / 2
    assert math.isclose(losses.gradient_penalty(slope).item(), expected, rel_tol=1e-6)


def test_penalty_of_a_flat_critic_has_a_gradient() -> None:
    slope = torch.zeros(2, 1, 2, 2, requires_grad=True)
    losses.gradient_penalty(slope).backward()
    assert slope.grad is not None
    assert slope.grad.isfinite().all()


def test_mixed_pictures_lie_between_their_own_pair() -> None:
    real, fake = torch.full((3, 1, 2, 2), 1.0), torch.full((3, 1, 2, 2), -1.0)
    mixed = losses.mix_pictures(real, fake, torch.tensor([0.0, 0.25, 1.0]))
    assert mixed[:, 0, 0, 0].tolist() == [-1.0, -0.5, 1.0]
