"""The contract of a recipe: all that it hands to the run. The run itself knows no recipe by name.

The entry of the kernel names the recipes; pipeline, training and sampling get them as `Recipe`s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.device.device import Device

Tick = Callable[[float], None]  # hears which share of the work is done, 0 to 1


class Draw(Protocol):
    """How a network's samples come about."""

    def __call__(
        self,
        network: nn.Module,
        count: int,
        random: torch.Generator,
        config: Config,
        device: Device,
        tick: Tick,
    ) -> torch.Tensor:
        """(network in eval mode, images, the CPU's generator) -> (count, C, 32, 32) uint8."""


@dataclass(frozen=True)
class Contest:
    """How a recipe decides among its candidates; see lib/kernel/recipes/auto."""

    # recipe, Config, whether there is a GPU -> what each candidate would run with, also printed
    tell: Callable[["Recipe", Config, bool], dict[str, Any]]
    # as train of lib/kernel/training/train.py
    train: Callable[..., Any]


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a recipe that tries others has no networks of its own")


@dataclass(frozen=True)
class Recipe:
    """One way to train a generator and to draw from it, or several that compete."""

    preset: Preset
    # (N, C, 32, 32) uint8, Config, Device -> its class of lib.kernel.training.trainer.Trainer
    make_trainer: Callable[[np.ndarray, Config, Device], Any] = _refuse
    # Config, picture channels -> the network that samples
    build_network: Callable[[Config, int], nn.Module] = _refuse
    draw: Draw = _refuse
    state_form: int = 1  # raised when an earlier training state no longer fits
    channels: int | None = None  # of its pictures; None: 1 where all data are grey, else 3
    sets_images_aside: bool = True  # some real images are kept from its training
    selects_weights: bool = True  # by FID while it trains
    leaves_snapshots: bool = False  # weights and sample grids of some epochs
    contest: Contest | None = None
    candidates: tuple["Recipe", ...] = ()

    @property
    def name(self) -> str:
        """As --recipe has it."""
        return self.preset.name

    def find(self, name: str) -> "Recipe":
        """The name of a candidate, or its own -> that recipe."""
        return next((each for each in self.candidates if each.name == name), self)
