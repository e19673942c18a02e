"""Scores, pictures and logits -> scalar losses, each with its paper and equation."""

import torch
from torch.nn import functional as F


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


def pixel_nll(
    logits: torch.Tensor, values: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """(B, K, C, 256) logits, (B, K, C) integer pixels -> mean of -ln p(value), nats each.

    (B, K) weights make up for pixels that were drawn with unequal chances.
    """
    logits = logits.float().flatten(0, -2)
    if weights is None:
        return F.cross_entropy(logits, values.flatten().long())
    each = F.cross_entropy(logits, values.flatten().long(), reduction="none")
    return (each.view(values.shape) * weights[..., None]).mean()


def denoising_loss(
    denoised: torch.Tensor, clean: torch.Tensor, sigma: torch.Tensor, sigma_data: torch.Tensor
) -> torch.Tensor:
    """Two (B, C, H, W), noise levels (B,), scalar -> mean lambda (D - y)^2: arXiv:2206.00364 eq. 2.

    lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2, eq. 144, gives each noise level a loss
    of 1 where the network's output is zero, whatever the scale of the data.
    """
    weight = (sigma.square() + sigma_data.square()) / (sigma * sigma_data).square()
    return (weight * (denoised - clean).square().flatten(1).mean(1)).mean()


def draw_sigmas(places: torch.Tensor) -> torch.Tensor:
    """(B,) quantiles in (0, 1) -> (B,), ln sigma ~ N(-1.2, 1.2^2): arXiv:2206.00364 table 1."""
    return torch.exp(torch.special.ndtri(places) * 1.2 - 1.2)
