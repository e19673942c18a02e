"""The loss of a WGAN with a gradient penalty: arXiv:1704.00028, equation 3."""

import torch


def critic_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Two (B,) -> mean D(fake) - mean D(real), the first part of arXiv:1704.00028 eq. 3."""
    return fake_scores.float().mean() - real_scores.float().mean()


def generator_loss(fake_scores: torch.Tensor) -> torch.Tensor:
    """(B,) -> -mean D(fake)."""
    return -fake_scores.float().mean()


def mix_pictures(real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Two (B, C, H, W) and (B,) in [0, 1] -> points on the lines between the pairs."""
    return torch.lerp(fake, real, share.view(-1, 1, 1, 1))


def gradient_penalty(gradient: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) gradients of D -> mean (|grad D| - 1)^2: arXiv:1704.00028 eq. 3, two-sided."""
    return (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
