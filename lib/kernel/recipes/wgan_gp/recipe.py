"""The Recipes of the two public solutions, which stay as they were published."""

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.recipes.wgan_gp.networks import build_generator
from lib.kernel.recipes.wgan_gp.preset import FIRST_SEED_PRESET, SECOND_SEED_PRESET
from lib.kernel.recipes.wgan_gp.trainer import WganTrainer
from lib.kernel.sampling.one_pass import draw_in_one_pass
from lib.kernel.training.snapshots import Snapshots


def draw(
    network: nn.Module,
    count: int,
    random: torch.Generator,
    config: Config,
    device: Device,
    tick: Tick,
) -> torch.Tensor:
    """(generator, images, the CPU's generator) -> (count, C, 32, 32) uint8 on the device."""
    normals = torch.randn((count, config.latent_dim, 1, 1), generator=random)
    return draw_in_one_pass(network, normals, device, tick)


def _publish(preset: Preset) -> Recipe:
    """Make the Recipe of a public solution: three channels, all images, weights of an epoch."""
    return Recipe(
        preset,
        make_trainer=WganTrainer,
        build_network=build_generator,
        draw=draw,
        channels=3,
        sets_images_aside=False,
        observer=Snapshots,
    )


FIRST_SEED, SECOND_SEED = map(_publish, (FIRST_SEED_PRESET, SECOND_SEED_PRESET))
