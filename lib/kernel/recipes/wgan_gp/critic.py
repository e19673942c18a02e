"""The critic of both public solutions: convolutions that halve a picture down to a score."""

import torch
from torch import nn

LEAK = 0.2  # negative slope of LeakyReLU
KERNEL, STRIDE, PADDING = 4, 2, 1  # of a convolution that halves or doubles the picture


class Critic(nn.Module):
    """(B, C, 32, 32) in [-1, 1] -> (B,) scores, any numbers: there is no sigmoid at the end."""

    def __init__(self, convs: list[nn.Conv2d], norms: list[nn.Module]) -> None:
        """Take the convolutions, and a norm for each of them but the last."""
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(norms)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C, 32, 32) float32 in [-1, 1] -> (B,) scores."""
        values = pictures
        for conv, norm in zip(self.convs[:-1], self.norms, strict=True):
            values = nn.functional.leaky_relu(norm(conv(values)), LEAK)
        return self.convs[-1](values).flatten()

    def gradient(self, points: torch.Tensor) -> torch.Tensor:
        """(B, C, 32, 32) -> d score_i / d picture_i, through which the penalty is differentiated.

        The gradient of the sum of all scores holds each picture's own, because no norm mixes
        pictures. So a critic has no BatchNorm (arXiv:1704.00028, section 4), while InstanceNorm
        is allowed. `create_graph` lets the penalty train the critic through this gradient.
        """
        points = points.detach().requires_grad_()
        return torch.autograd.grad(self(points).sum(), points, create_graph=True)[0]
