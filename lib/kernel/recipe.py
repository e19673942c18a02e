"""The contract of a recipe: everything that it hands to the run.

The run knows no recipe by name. The kernel's entry names the recipes; pipeline, training and
sampling get them as `Recipe` objects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.rules import Rules
from lib.kernel.device.device import Device

Tick = Callable[[float], None]  # called with the share of the work that is done, 0 to 1


@dataclass(frozen=True)
class Samples:
    """Some samples of a training under way, for who watches it."""

    images: np.ndarray  # (n, C, S, S) uint8
    step: int
    whose: str  # which weights drew them


# Called with a recipe, the records of its training so far, whether they are the last ones, and its
# newest samples, if there are any.
Watch = Callable[[str, Sequence[Mapping[str, float]], bool, Samples | None], None]


class Draw(Protocol):
    """The function that draws a network's samples."""

    def __call__(
        self,
        network: nn.Module,
        count: int,
        random: torch.Generator,
        config: Config,
        device: Device,
        tick: Tick,
    ) -> torch.Tensor:
        """(network in eval mode, images, the CPU's generator) -> (count, C, S, S) uint8."""


@dataclass(frozen=True)
class Contest:
    """How a recipe chooses among its candidates; see lib/kernel/recipes/auto."""

    # (recipe, Config, whether there is a GPU) -> each candidate's settings, also printed
    tell: Callable[["Recipe", Config, bool], dict[str, Any]]
    # like train of lib/kernel/training/train.py
    train: Callable[..., Any]


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a recipe that tries others has no networks of its own")


@dataclass(frozen=True)
class Recipe:
    """One way to train a generator and to draw from it, or a contest of several."""

    preset: Preset
    # ((N, C, S, S) uint8, Config, Device) -> a lib.kernel.training.trainer.Trainer
    make_trainer: Callable[[np.ndarray, Config, Device], Any] = _refuse
    # (Config, picture channels) -> the network that samples are drawn from
    build_network: Callable[[Config, int], nn.Module] = _refuse
    draw: Draw = _refuse
    state_form: int = 1  # raised when earlier training states no longer fit
    channels: int | None = None  # of its pictures; None: 1 where all data are grey, else 3
    # makes a lib.kernel.training.observer.Observer; None: nothing is measured in training
    observer: Any = None
    contest: Contest | None = None
    candidates: tuple["Recipe", ...] = ()

    @property
    def name(self) -> str:
        """The recipe's name, as in --recipe."""
        return self.preset.name

    @property
    def uses_fast_fid(self) -> bool:
        """Tell whether FIDs in training may go by the fast path through Inception."""
        return self.observer is not None and self.observer.uses_fast_fid

    def find(self, name: str) -> "Recipe":
        """(its own name or a candidate's) -> that recipe."""
        return next((each for each in self.candidates if each.name == name), self)

    def adapt(self, rules: Rules) -> "Recipe":
        """Return the same for a competition, whose keys and defaults its preset then has."""
        candidates = tuple(each.adapt(rules) for each in self.candidates)
        return replace(self, preset=self.preset.adapt(rules), candidates=candidates)

    def keep_able(self, image_px: int) -> "Recipe":
        """Return the same without candidates that cannot make pictures of that side; print them."""
        able = tuple(each for each in self.candidates if each.preset.can_make(image_px))
        for each in self.candidates:
            if each not in able:
                log("auto", f"{each.name} cannot make pictures of {image_px} px and is left out")
        presets = tuple(each.preset for each in able)
        return replace(self, preset=replace(self.preset, candidates=presets), candidates=able)
