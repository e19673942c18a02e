"""What the Recipes of both public solutions share: how samples are drawn and what is measured."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.recipes.wgan_gp.critic import Critic
from lib.kernel.recipes.wgan_gp.trainer import WganTrainer
from lib.kernel.sampling.one_pass import draw_in_one_pass
from lib.kernel.training.snapshots import Snapshots


def publish(
    preset: Preset,
    build_generator: Callable[[Config, int], nn.Module],
    build_critic: Callable[[Config, int], Critic],
) -> Recipe:
    """Make the Recipe of a public solution: colour, no images held out, weights of one epoch."""
    return Recipe(
        preset,
        make_trainer=partial(
            WganTrainer, build_generator=build_generator, build_critic=build_critic
        ),
        build_network=build_generator,
        draw=draw,
        channels=3,
        observer=Snapshots,
    )


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
