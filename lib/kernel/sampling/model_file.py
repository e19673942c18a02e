"""Trained weights -> a file that says what network they belong to; that file -> the network."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lib.base.tensor_files import read_state, write_state
from lib.kernel.configuration.aliases import modernise
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe

# Keys that decide the shapes. Files without image_px are of 32 px, as is a Config by default.
_SIZES = ("recipe", "image_px", "width", "depth", "latent_dim", "clusters")


@dataclass(frozen=True)
class Model:
    """Trained weights and all that drawing from them takes."""

    path: Path  # a file of write_model
    recipe: Recipe  # the one that was trained: where recipes competed, the winner
    config: Config  # of that recipe, its sizes resolved

    def at_temperature(self, temperature: float) -> "Model":
        """A temperature -> a Model of the same weights that is drawn from at that temperature."""
        config = dataclasses.replace(self.config, temperature=temperature)
        return dataclasses.replace(self, config=config)


def write_model(
    path: Path, weights: dict[str, torch.Tensor], config: Config, channels: int
) -> Path:
    """Write a state dict with its config's sizes and channels; equal weights give equal bytes."""
    sizes = {name: getattr(config, name) for name in _SIZES}
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    write_state(path, {"sizes": sizes, "channels": channels, "weights": tensors})
    return path


def read_model(model: Model, device: Device) -> nn.Module:
    """A model -> its network on the device, in eval mode, without gradients."""
    state = read_state(model.path, torch.device("cpu"))
    config = dataclasses.replace(model.config, **modernise(state["sizes"]))
    network = model.recipe.build_network(config, state["channels"])
    network.load_state_dict(state["weights"])
    return network.to(device.torch_device).eval().requires_grad_(False)
