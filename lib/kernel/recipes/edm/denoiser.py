"""Noisy pictures and noise levels -> clean pictures: EDM's preconditioned network.

It is that of arXiv:2206.00364, table 1, last column. Pictures are float32 in [-1, 1]; sigma is the
noise's standard deviation in the same units. Our deviation: the data's mean is subtracted in each
channel. So sigma_data is a standard deviation, and the network's inputs have mean zero.
"""

import torch
from torch import nn

from lib.kernel.recipes.edm.unet import UNet, UNetShape


class Denoiser(nn.Module):
    """D(x; sigma) = c_skip x + c_out F(c_in x; c_noise), eq. 7, F a U-Net."""

    mean: torch.Tensor
    sigma_data: torch.Tensor

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self.network = UNet(shape)
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.channels, 1, 1))
        self.register_buffer("sigma_data", torch.tensor(0.5))

    def measure(self, images: torch.Tensor) -> None:
        """Set mean and sigma_data to those of (N, C, S, S) uint8 images."""
        levels = torch.arange(256, device=images.device, dtype=torch.float64) / 127.5 - 1.0
        squares = 0.0
        for channel, plane in enumerate(images.transpose(0, 1)):
            counts = torch.bincount(plane.flatten(), minlength=256).double()
            mean = (counts * levels).sum() / counts.sum()
            self.mean[channel] = mean.float()
            squares += float((counts * (levels - mean).square()).sum() / counts.sum())
        self.sigma_data.fill_(max(squares / images.shape[1], 1e-4) ** 0.5)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) uint8 -> float32, minus the mean of the data."""
        return images.float().div_(127.5).sub_(1.0) - self.mean

    def denormalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) float32, as from normalise -> uint8, rounded."""
        return ((pictures + self.mean + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)

    def forward(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) float32, (B,) -> the expected clean pictures, float32; eq. 7."""
        skip, out, into, condition = precondition(sigma, self.sigma_data)
        guess = self.network(as_scale(into) * noisy, condition)
        return as_scale(skip) * noisy + as_scale(out) * guess.float()


def precondition(
    sigma: torch.Tensor, sigma_data: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B,) sigma and a scalar -> c_skip, c_out, c_in, c_noise, each (B,).

    c_in = 1 / sqrt(sigma^2 + sigma_data^2) gives the network's input unit variance (eq. 117).
    c_skip = sigma_data^2 / (sigma^2 + sigma_data^2) makes its errors count least (eq. 131).
    c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2) gives its target unit variance
    (eq. 138). c_noise = ln(sigma) / 4.
    """
    total = sigma.square() + sigma_data.square()
    skip = sigma_data.square() / total
    return skip, sigma * sigma_data * total.rsqrt(), total.rsqrt(), sigma.log() / 4.0


def as_scale(values: torch.Tensor) -> torch.Tensor:
    """(B,) -> (B, 1, 1, 1), a factor for each picture."""
    return values.view(-1, 1, 1, 1)
