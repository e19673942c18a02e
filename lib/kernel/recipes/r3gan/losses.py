"""The loss of R3GAN: pairs of real and fake pictures, and zero-centred gradient penalties."""

import torch
from torch.nn import functional as F


def pairing_loss(better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
    """Two (B,) -> mean ln(1 + exp(-(better - worse))) of the pairs: arXiv:2501.05441 eq. 2.

    The critic wants real above fake, and the generator fake above real. Only differences count.
    """
    return F.softplus(worse.float() - better.float()).mean()


def zero_gradient_penalty(gradient: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) gradients of D -> mean |grad D|^2 / 2 in float32: arXiv:1801.04406 eq. 9 and 10.

    It is R1 where the pictures are real, and R2 where they are fake.
    """
    return gradient.float().square().flatten(1).sum(1).mean() / 2.0


def score_gap(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Two (B,) -> mean D(real) - mean D(fake), how well the critic tells them apart."""
    return real_scores.float().mean() - fake_scores.float().mean()
