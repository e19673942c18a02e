"""The Recipe of edm: its network, trainer and samples."""

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.recipes.edm.denoiser import Denoiser
from lib.kernel.recipes.edm.heun import draw_by_heun
from lib.kernel.recipes.edm.preset import EDM_PRESET
from lib.kernel.recipes.edm.trainer import EdmTrainer
from lib.kernel.recipes.edm.unet import UNetShape
from lib.kernel.training.weight_selection import WeightSelection


def build_network(config: Config, channels: int) -> nn.Module:
    """(config, picture channels) -> the denoiser, freshly initialised."""
    return Denoiser(UNetShape(channels, config.width, config.depth, config.image_px))


def draw(
    network: nn.Module,
    count: int,
    random: torch.Generator,
    config: Config,
    device: Device,
    tick: Tick,
) -> torch.Tensor:
    """(denoiser, images, the CPU's generator) -> (count, C, S, S) uint8 on the device."""
    assert isinstance(network, Denoiser)
    channels, side = network.shape.channels, network.shape.side
    noise = torch.randn((count, channels, side, side), generator=random)
    return draw_by_heun(network, noise * config.temperature, device, tick)


EDM = Recipe(
    EDM_PRESET,
    make_trainer=EdmTrainer,
    build_network=build_network,
    draw=draw,
    observer=WeightSelection,
)
