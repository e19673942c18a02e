"""A public recipe's name and sizes -> its generator and its critic, as the solution describes them.

Pictures are 32x32 in [-1, 1]. A generator maps (B, latent, 1, 1) float32 to (B, C, 32, 32). A
critic maps those to (B,) scores, without a sigmoid.
"""

import torch
from torch import nn

from lib.base.errors import InputError
from lib.kernel.configuration.config import Config

LEAK = 0.2  # negative slope of both critics' LeakyReLU
KERNEL, STRIDE, PADDING = 4, 2, 1  # of a convolution that halves or doubles the picture


class Critic(nn.Module):
    """(B, C, 32, 32) -> (B,): strided convolutions with LeakyReLU, and norms where given."""

    def __init__(self, convs: list[nn.Conv2d], norms: list[nn.Module | None]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(nn.Identity() if norm is None else norm for norm in norms)

    @property
    def is_piecewise_linear(self) -> bool:
        """Tell whether there is no normalisation between the convolutions."""
        return all(isinstance(norm, nn.Identity) for norm in self.norms)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C, 32, 32) float32 in [-1, 1] -> (B,) scores."""
        values = pictures
        for conv, norm in zip(self.convs[:-1], self.norms, strict=True):
            values = nn.functional.leaky_relu(norm(conv(values)), LEAK)
        return self.convs[-1](values).flatten()

    def gradient(self, points: torch.Tensor) -> torch.Tensor:
        """(B, C, 32, 32) -> gradient of each score by its own picture, differentiable by weights.

        Without a norm the critic is piecewise linear. So its gradient is the chain of transposed
        convolutions and LeakyReLU slopes, which are constant almost everywhere. Written out, it
        saves the time that autograd spends on derivatives of the slopes, which are all zero.
        """
        if not self.is_piecewise_linear:
            points = points.detach().requires_grad_()
            return torch.autograd.grad(self(points).sum(), points, create_graph=True)[0]
        first_to_last = [conv for conv in self.convs if isinstance(conv, nn.Conv2d)]
        chain: torch.Tensor = first_to_last[-1].weight  # its kernel covers the whole 4x4 input
        leaks = self._find_leaks(points)
        for conv, leak in zip(first_to_last[-2::-1], leaks, strict=True):
            chain = nn.functional.conv_transpose2d(leak * chain, conv.weight, None, STRIDE, PADDING)
        return chain

    @torch.no_grad()
    def _find_leaks(self, points: torch.Tensor) -> list[torch.Tensor]:
        """(B, C, 32, 32) -> the slope of every LeakyReLU at every value, the last layer first."""
        leaks, values = [], points
        for conv in self.convs[:-1]:
            values = nn.functional.leaky_relu(conv(values), LEAK)
            leaks.append(torch.where(values > 0, 1.0, LEAK).to(values.dtype))
        return leaks[::-1]


def build_generator(config: Config, channels: int) -> nn.Module:
    """(config of a public recipe, picture channels) -> its generator, freshly initialised."""
    if config.recipe == "first-seed":
        return _first_generator(config.latent_dim, config.width, channels)
    if config.recipe == "second-seed":
        return _initialise_dcgan(_second_generator(config.latent_dim, config.width, channels))
    raise _no_networks(config)


def build_critic(config: Config, channels: int) -> Critic:
    """(config of a public recipe, picture channels) -> its critic, freshly initialised."""
    if config.recipe == "first-seed":
        return _first_critic(config.width, channels)
    if config.recipe == "second-seed":
        critic = _second_critic(config.width, channels)
        _initialise_dcgan(critic)
        return critic
    raise _no_networks(config)


def _first_generator(latent: int, width: int, channels: int) -> nn.Sequential:
    """Transposed convolutions 1 -> 4 -> 8 -> 16 -> 32, InstanceNorm, ReLU; a 3x3 one; tanh."""
    layers: list[nn.Module] = []
    inputs = latent
    for number, outputs in enumerate((8 * width, 4 * width, 2 * width, width)):
        stride, padding = (1, 0) if number == 0 else (2, 1)
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(*layers, nn.Conv2d(inputs, channels, 3, 1, 1), nn.Tanh())


def _first_critic(width: int, channels: int) -> Critic:
    """Strided convolutions 32 -> 16 -> 8 -> 4 -> 1, InstanceNorm after the two in the middle."""
    convs = [
        nn.Conv2d(channels, width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(width, 2 * width, KERNEL, STRIDE, PADDING, bias=False),
        nn.Conv2d(2 * width, 4 * width, KERNEL, STRIDE, PADDING, bias=False),
        nn.Conv2d(4 * width, 1, 4, 1, 0),
    ]
    norms = [nn.InstanceNorm2d(count * width, affine=True) for count in (2, 4)]
    return Critic(convs, [None, *norms])


def _second_generator(latent: int, width: int, channels: int) -> nn.Sequential:
    """DCGAN (arXiv:1511.06434): transposed convolutions up to 32, BatchNorm, ReLU; tanh."""
    layers: list[nn.Module] = []
    inputs = latent
    for number, outputs in enumerate((4 * width, 2 * width, width)):
        stride, padding = (1, 0) if number == 0 else (2, 1)
        layers += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(
        *layers, nn.ConvTranspose2d(inputs, channels, KERNEL, STRIDE, PADDING), nn.Tanh()
    )


def _second_critic(width: int, channels: int) -> Critic:
    """Strided convolutions 32 -> 16 -> 8 -> 4 -> 1, without norms."""
    convs = [
        nn.Conv2d(channels, width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(width, 2 * width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(2 * width, 4 * width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(4 * width, 1, 4, 1, 0),
    ]
    return Critic(convs, [None, None, None])


def _initialise_dcgan(network: nn.Module) -> nn.Module:
    """A network -> the same with DCGAN's N(0, 0.02) weights (arXiv:1511.06434, section 4)."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
    return network


def _no_networks(config: Config) -> InputError:
    return InputError(
        "networks",
        f"recipe {config.recipe!r} has no generator and critic",
        expected="first-seed or second-seed",
        cure="this is a fault of the caller: other recipes bring their own model",
    )
