"""The loss of edm: denoising at noise levels drawn at random."""

import torch


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
