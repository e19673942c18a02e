"""Recipe second-seed: its generator, its critic and the Recipe of both."""

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.recipes.wgan_gp.critic import KERNEL, LEAK, PADDING, STRIDE, Critic
from lib.kernel.recipes.wgan_gp.recipe import publish
from lib.kernel.recipes.wgan_gp.second_seed_preset import SECOND_SEED_PRESET


def build_generator(config: Config, channels: int) -> nn.Module:
    """DCGAN (arXiv:1511.06434): transposed convolutions up to 32, BatchNorm, ReLU; tanh.

    (B, latent_dim, 1, 1) float32 -> (B, channels, 32, 32) in [-1, 1].
    """
    width, inputs = config.width, config.latent_dim
    layers: list[nn.Module] = []
    for number, outputs in enumerate((4 * width, 2 * width, width)):
        stride, padding = (1, 0) if number == 0 else (STRIDE, PADDING)
        layers += [
            nn.ConvTranspose2d(inputs, outputs, KERNEL, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    last = nn.ConvTranspose2d(inputs, channels, KERNEL, STRIDE, PADDING)
    generator = nn.Sequential(*layers, last, nn.Tanh())
    _initialise_dcgan(generator)
    return generator


def build_critic(config: Config, channels: int) -> Critic:
    """Strided convolutions 32 -> 16 -> 8 -> 4 -> 1, without norms."""
    width = config.width
    convs = [
        nn.Conv2d(channels, width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(width, 2 * width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(2 * width, 4 * width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(4 * width, 1, 4, 1, 0),
    ]
    critic = PlainCritic(convs)
    _initialise_dcgan(critic)
    return critic


class PlainCritic(Critic):
    """A critic without norms, whose gradient is written out because that is faster."""

    def __init__(self, convs: list[nn.Conv2d]) -> None:
        super().__init__(convs, [nn.Identity() for _ in convs[1:]])

    def gradient(self, points: torch.Tensor) -> torch.Tensor:
        """(B, C, 32, 32) -> d score_i / d picture_i, through which the penalty is differentiated.

        Without norms the critic is piecewise linear. So its gradient is the chain of transposed
        convolutions and LeakyReLU slopes, which are constant almost everywhere. Written out, it
        saves the time that autograd spends on derivatives of the slopes, which are all zero.
        """
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


def _initialise_dcgan(network: nn.Module) -> None:
    """Draw the weights from DCGAN's N(0, 0.02): arXiv:1511.06434, section 4."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)


SECOND_SEED = publish(SECOND_SEED_PRESET, build_generator, build_critic)
