"""A recipe as CONFIG knows it: its name, its values and the keys that it reads.

Data alone, so that a kernel is built without any of the recipe's code.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.base.log import log
from lib.kernel.configuration.config import KEYS, Config

RUN_KEYS = (  # of the run around the training, whatever is trained
    *("recipe", "seed", "minutes", "train_minutes", "steps", "ranks", "policy", "epochs", "graphs"),
    *("samples", "curate", "pool", "weights_file", "weights_sha256", "preprocessing"),
    *("real_limit", "floor_draws"),
)
TRAINER_KEYS = ("batch", "lr", "beta1", "beta2", "width")
SELECTION_KEYS = (
    "eval_samples",
    "temperature",
    "sweep",
)  # of recipes that select weights


@dataclass(frozen=True)
class SizesByDevice:
    """What a size of 0 stands for."""

    names: tuple[str, ...] = ()  # keys of Config
    on_gpu: tuple[int, ...] = ()
    on_cpu: tuple[int, ...] = ()

    def resolve(self, config: Config, is_cuda: bool) -> Config:
        """(config, whether there is a GPU) -> the same, each size that is 0 now one that suits."""
        suited = zip(self.names, self.on_gpu if is_cuda else self.on_cpu, strict=True)
        sizes: dict[str, Any] = {name: getattr(config, name) or size for name, size in suited}
        return dataclasses.replace(config, **sizes)

    def settle(self, config: Config, is_cuda: bool) -> Config:
        """Resolve the sizes, and print them where one was left to the device."""
        settled = self.resolve(config, is_cuda)
        if settled != config:
            words = ", ".join(f"{name} {getattr(settled, name)}" for name in self.names)
            device = "a GPU" if is_cuda else "a CPU"
            log("train", f"{words} (suits {device}; --set overrules)")
        return settled


@dataclass(frozen=True)
class Preset:
    """A recipe's row."""

    name: str
    defaults: Mapping[str, Any]  # key -> value, where it differs from Config's own
    training_keys: tuple[str, ...]  # that its training and drawing read
    sizes: SizesByDevice = field(default=SizesByDevice())
    candidates: tuple["Preset", ...] = ()  # of a recipe that tries others

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that a run of it uses."""
        return (*RUN_KEYS, *self.training_keys)

    @property
    def keeps_sizes(self) -> bool:
        """Whether its sizes are part of the recipe, and none is left to the device."""
        return not self.sizes.names and not self.candidates

    @property
    def usual(self) -> Config:
        """Its Config where nothing was given."""
        return Config(**{"recipe": self.name, **self.defaults})

    @property
    def disputed_keys(self) -> tuple[str, ...]:
        """Keys that a candidate has another value of than this row; of other recipes none."""
        return tuple(name for name in KEYS if name != "recipe" and self._is_disputed(name))

    def find_candidate(self, name: str) -> "Preset":
        """The name of a candidate, or its own -> that row."""
        return next((each for each in self.candidates if each.name == name), self)

    def _is_disputed(self, name: str) -> bool:
        knowing = [each.usual for each in self.candidates if name in each.keys]
        return any(getattr(row, name) != getattr(self.usual, name) for row in knowing)
