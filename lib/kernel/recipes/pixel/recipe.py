"""The Recipe of pixel: its network, trainer and samples."""

import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.recipes.pixel.model import PixelModel, PixelShape
from lib.kernel.recipes.pixel.preset import PIXEL_PRESET
from lib.kernel.recipes.pixel.sampler import draw_pictures
from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.training.weight_selection import WeightSelection

_SOME_CLUSTERS = 16  # while the number of images is unknown; speed does not depend on it


def build_network(config: Config, channels: int) -> nn.Module:
    """(config, picture channels) -> the model, freshly initialised."""
    codes = config.clusters or _SOME_CLUSTERS
    shape = PixelShape(channels, config.width, config.depth, config.image_px, codes)
    return PixelModel(shape)


def draw(
    network: nn.Module,
    count: int,
    random: torch.Generator,
    config: Config,
    device: Device,
    tick: Tick,
) -> torch.Tensor:
    """(model, images, the CPU's generator) -> (count, C, S, S) uint8 on the device."""
    assert isinstance(network, PixelModel)
    side, channels = network.shape.side, network.shape.channels
    uniforms = torch.rand((count, side, side, channels), generator=random)
    codes = network.codebook.draw(torch.rand(count, generator=random).to(device.torch_device))
    uniforms = uniforms.to(device.torch_device)
    return draw_pictures(network, codes, uniforms, config.temperature, config.tail, tick)


PIXEL = Recipe(
    PIXEL_PRESET,
    make_trainer=PixelTrainer,
    build_network=build_network,
    draw=draw,
    observer=WeightSelection,
    state_form=3,
)
