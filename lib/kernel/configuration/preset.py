"""A recipe's values: its name, its defaults and the keys that it reads.

A preset is data only, so a kernel can be built without importing the recipe's code.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lib.base.log import log
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import COMPETITION_KEYS, KEYS, Config
from lib.kernel.configuration.rules import Rules

RUN_KEYS = (  # that the run itself reads, whatever recipe and competition
    *("recipe", "seed", "minutes", "train_minutes", "steps", "ranks", "epochs", "graphs"),
    *("samples", "curate", "pool", "weights_file", "weights_sha256", "preprocessing"),
    *("real_limit", "floor_draws"),
)
TRAINER_KEYS = ("batch", "lr", "beta1", "beta2", "width")
SELECTION_KEYS = (
    "eval_samples",
    "temperature",
    "sweep",
)  # of recipes that select weights


def count_doublings(side: int) -> int:
    """Side of an image -> how often 32 px are doubled until they reach it; up to 32 px never."""
    return max(0, (side - 1).bit_length() - (IMAGE_PX - 1).bit_length())


def quote_idea(preset: "Preset") -> str:
    """A preset -> how it makes pictures, in brackets, to stand after its name."""
    return f"({preset.idea.rstrip('.')})"


@dataclass(frozen=True)
class SizesByDevice:
    """The sizes that replace a size of 0 on a GPU and on a CPU."""

    names: tuple[str, ...] = ()  # keys of Config
    on_gpu: tuple[int, ...] = ()
    on_cpu: tuple[int, ...] = ()

    def resolve(self, config: Config, is_cuda: bool) -> Config:
        """(config, whether there is a GPU) -> the same with a suitable size for each 0.

        Of images beyond 32 px the batch is half as large for each doubling of the side.
        """
        suited = dict(zip(self.names, self.on_gpu if is_cuda else self.on_cpu, strict=True))
        if "batch" in suited:
            suited["batch"] >>= count_doublings(config.image_px)
        sizes: dict[str, Any] = {name: getattr(config, name) or suited[name] for name in suited}
        return dataclasses.replace(config, **sizes)

    def settle(self, config: Config, is_cuda: bool) -> Config:
        """Resolve the sizes, and print them where at least one was automatic."""
        settled = self.resolve(config, is_cuda)
        if settled != config:
            words = ", ".join(f"{name} {getattr(settled, name)}" for name in self.names)
            device = "a GPU" if is_cuda else "a CPU"
            log("train", f"{words} (suits {device}; --set overrules)")
        return settled


@dataclass(frozen=True)
class Preset:
    """The values of a recipe."""

    name: str
    defaults: Mapping[str, Any]  # key -> value, where it differs from Config's default
    training_keys: tuple[str, ...]  # read by its training and drawing
    sizes: SizesByDevice = field(default=SizesByDevice())
    candidates: tuple["Preset", ...] = ()  # recipes that compete in it
    sets_images_aside: bool = True  # real images that it is not trained on measure it at the end
    image_px: Sequence[int] = (IMAGE_PX,)  # sides of pictures that it makes; not of a contest
    rules: Rules | None = None  # of the competition that it was adapted to
    words: Mapping[str, str] = field(default_factory=dict)  # key -> what it means in this recipe
    idea: str = ""  # how it makes pictures, a sentence for the head of a kernel
    first_keys: tuple[str, ...] = ("minutes", "seed", "samples")  # that a user changes first

    def adapt(self, rules: Rules) -> "Preset":
        """Return the same for a competition: with its keys and, where it has none, its defaults."""
        own = {
            name: value
            for name, value in self.defaults.items()
            if name not in COMPETITION_KEYS or name in rules.keys
        }
        return dataclasses.replace(
            self,
            defaults={**rules.defaults, **own, "competition": rules.name},
            candidates=tuple(each.adapt(rules) for each in self.candidates),
            first_keys=(*rules.first_keys, *self.first_keys)[:3],
            rules=rules,
        )

    def can_make(self, image_px: int) -> bool:
        """Tell whether it, or one of its candidates, makes pictures of that side."""
        if self.candidates:
            return any(each.can_make(image_px) for each in self.candidates)
        return image_px in self.image_px

    @property
    def keys(self) -> tuple[str, ...]:
        """List all keys that a run of the recipe uses."""
        return (*RUN_KEYS, *(self.rules.keys if self.rules else ()), *self.training_keys)

    @property
    def keeps_sizes(self) -> bool:
        """Tell whether its sizes are fixed, so that the device settles none."""
        return not self.sizes.names and not self.candidates

    @cached_property
    def usual(self) -> Config:
        """Return its Config where nothing was given."""
        return Config(**{"recipe": self.name, **self.defaults})

    @cached_property
    def disputed_keys(self) -> tuple[str, ...]:
        """List the keys in which a candidate differs from this preset; none without candidates."""
        return tuple(name for name in KEYS if name != "recipe" and self._is_disputed(name))

    def find_candidate(self, name: str) -> "Preset":
        """(its own name or a candidate's) -> that preset."""
        return next((each for each in self.candidates if each.name == name), self)

    def _is_disputed(self, name: str) -> bool:
        knowing = [each.usual for each in self.candidates if name in each.keys]
        return any(getattr(row, name) != getattr(self.usual, name) for row in knowing)
