"""The Recipe of r3gan: its network, trainer and samples."""

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.recipes.r3gan.networks import R3ganGenerator
from lib.kernel.recipes.r3gan.preset import R3GAN_PRESET
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer
from lib.kernel.sampling.one_pass import draw_in_one_pass
from lib.kernel.training.weight_selection import WeightSelection


def build_network(config: Config, channels: int) -> nn.Module:
    """(config, picture channels) -> the generator, freshly initialised."""
    return R3ganGenerator(config.latent_dim, config.width, channels, config.image_px)


def draw(
    network: nn.Module,
    count: int,
    random: torch.Generator,
    config: Config,
    device: Device,
    tick: Tick,
) -> torch.Tensor:
    """(generator, images, the CPU's generator) -> (count, C, S, S) uint8 on the device."""
    assert isinstance(network, R3ganGenerator)
    normals = torch.randn((count, network.numbers), generator=random) * config.temperature
    return draw_in_one_pass(network, normals, device, tick)


R3GAN = Recipe(
    R3GAN_PRESET,
    make_trainer=R3ganTrainer,
    build_network=build_network,
    draw=draw,
    observer=WeightSelection,
)
