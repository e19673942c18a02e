"""Recipe first-seed: its generator, its critic and the Recipe of both."""

from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.recipes.wgan_gp.critic import KERNEL, PADDING, STRIDE, Critic
from lib.kernel.recipes.wgan_gp.first_seed_preset import FIRST_SEED_PRESET
from lib.kernel.recipes.wgan_gp.recipe import publish


def build_generator(config: Config, channels: int) -> nn.Module:
    """Transposed convolutions 1 -> 4 -> 8 -> 16 -> 32, InstanceNorm, ReLU; a 3x3 one; tanh.

    (B, latent_dim, 1, 1) float32 -> (B, channels, 32, 32) in [-1, 1].
    """
    width, inputs = config.width, config.latent_dim
    layers: list[nn.Module] = []
    for number, outputs in enumerate((8 * width, 4 * width, 2 * width, width)):
        stride, padding = (1, 0) if number == 0 else (STRIDE, PADDING)
        layers += [
            nn.ConvTranspose2d(inputs, outputs, KERNEL, stride, padding, bias=False),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.ReLU(inplace=True),
        ]
        inputs = outputs
    return nn.Sequential(*layers, nn.Conv2d(inputs, channels, 3, 1, 1), nn.Tanh())


def build_critic(config: Config, channels: int) -> Critic:
    """Strided convolutions 32 -> 16 -> 8 -> 4 -> 1, InstanceNorm after the two in the middle."""
    width = config.width
    convs = [
        nn.Conv2d(channels, width, KERNEL, STRIDE, PADDING),
        nn.Conv2d(width, 2 * width, KERNEL, STRIDE, PADDING, bias=False),
        nn.Conv2d(2 * width, 4 * width, KERNEL, STRIDE, PADDING, bias=False),
        nn.Conv2d(4 * width, 1, 4, 1, 0),
    ]
    norms = [nn.InstanceNorm2d(count * width, affine=True) for count in (2, 4)]
    return Critic(convs, [nn.Identity(), *norms])


FIRST_SEED = publish(FIRST_SEED_PRESET, build_generator, build_critic)
