"""Small things of recipes that several tests need, by the recipe's name."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.table import ROWS, find_preset, load_recipe
from lib.kernel.sampling.model_file import Model
from lib.kernel.training.trainer import Trainer

PRESETS = {name: find_preset(name) for name in ROWS}


def keep_used(recipe: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that several recipes share in a test -> those that one of them uses."""
    return {key: value for key, value in wanted.items() if key in find_preset(recipe).keys}


def make_trainer(images: np.ndarray, config: Config, device: Device) -> Trainer:
    """As the training loop makes it, its recipe found by name."""
    trainer: Trainer = load_recipe(config.recipe).make_trainer(images, config, device)
    return trainer


def build_network(config: Config, channels: int) -> nn.Module:
    """The network that samples, its recipe found by name."""
    network: nn.Module = load_recipe(config.recipe).build_network(config, channels)
    return network


def as_model(path: Path, config: Config) -> Model:
    """A model file and its Config -> Model."""
    return Model(path, load_recipe(config.recipe), config)


def resolve_sizes(config: Config, is_cuda: bool = False) -> Config:
    """A Config -> the same with the sizes that suit the device."""
    return find_preset(config.recipe).sizes.resolve(dataclasses.replace(config), is_cuda)
