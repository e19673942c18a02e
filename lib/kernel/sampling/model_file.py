"""Trained weights -> a file that says what network they belong to; that file -> the network."""

import dataclasses
from pathlib import Path

import torch
from torch import nn

from lib.base.tensor_files import read_state, write_state
from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.denoiser import Denoiser
from lib.kernel.recipes.edm.unet import UNetShape
from lib.kernel.recipes.pixel.model import PixelModel, PixelShape
from lib.kernel.recipes.r3gan.networks import R3ganGenerator
from lib.kernel.recipes.wgan_gp.networks import build_generator

_SIZES = (
    "recipe",
    "width",
    "depth",
    "latent_dim",
    "codes",
)  # of Config, what the weights' shapes depend on


def write_model(
    path: Path, weights: dict[str, torch.Tensor], config: Config, channels: int
) -> Path:
    """(state dict, its config, picture channels) -> the file; equal weights give equal bytes."""
    sizes = {name: getattr(config, name) for name in _SIZES}
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    write_state(path, {"sizes": sizes, "channels": channels, "weights": tensors})
    return path


def read_model(path: Path, config: Config, device: Device) -> nn.Module:
    """A file of write_model -> its network on the device, in eval mode, without gradients."""
    state = read_state(path, torch.device("cpu"))
    network = build_network(dataclasses.replace(config, **state["sizes"]), state["channels"])
    network.load_state_dict(state["weights"])
    return network.to(device.torch_device).eval().requires_grad_(False)


def build_network(config: Config, channels: int) -> nn.Module:
    """(config, picture channels) -> the network that makes the recipe's samples."""
    if config.recipe == "pixel":
        return PixelModel(PixelShape(channels, config.width, config.depth, codes=config.codes))
    if config.recipe == "r3gan":
        return R3ganGenerator(config.latent_dim, config.width, channels)
    if config.recipe == "edm":
        return Denoiser(UNetShape(channels, config.width, config.depth))
    return build_generator(config, channels)
