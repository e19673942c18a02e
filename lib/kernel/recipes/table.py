"""The table of all recipes, for builds and tests; a kernel's entry names its own recipes."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError, find_nearest
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_rules
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.configure import configure
from lib.kernel.configuration.preset import Preset, quote_idea
from lib.kernel.recipes.auto.preset import AUTO_PRESET
from lib.kernel.recipes.edm.preset import EDM_PRESET
from lib.kernel.recipes.pixel.preset import PIXEL_PRESET
from lib.kernel.recipes.r3gan.preset import R3GAN_PRESET
from lib.kernel.recipes.wgan_gp.first_seed_preset import FIRST_SEED_PRESET
from lib.kernel.recipes.wgan_gp.second_seed_preset import SECOND_SEED_PRESET


@dataclass(frozen=True)
class Row:
    """A recipe, and the module from which a kernel's entry imports it."""

    preset: Preset
    module: str
    name: str  # of the Recipe in that module


DEFAULT_RECIPE = "auto"
ROWS: Mapping[str, Row] = {
    row.preset.name: row
    for row in (
        Row(AUTO_PRESET, "lib.kernel.recipes.auto.recipe", "AUTO"),
        Row(FIRST_SEED_PRESET, "lib.kernel.recipes.wgan_gp.first_seed", "FIRST_SEED"),
        Row(SECOND_SEED_PRESET, "lib.kernel.recipes.wgan_gp.second_seed", "SECOND_SEED"),
        Row(PIXEL_PRESET, "lib.kernel.recipes.pixel.recipe", "PIXEL"),
        Row(R3GAN_PRESET, "lib.kernel.recipes.r3gan.recipe", "R3GAN"),
        Row(EDM_PRESET, "lib.kernel.recipes.edm.recipe", "EDM"),
    )
}


def find_preset(recipe: str, competition: str = DEFAULT_COMPETITION) -> Preset:
    """(names of a recipe and a competition) -> the recipe's preset for that competition.

    For an unknown name, raise InputError with the nearest one.
    """
    if recipe not in ROWS:
        near = find_nearest(recipe, ROWS)
        told = f"did you mean {near!r} {quote_idea(ROWS[near].preset)}? " if near else ""
        cure = f"{told}--recipe help lists the recipes and says what each is"
        raise InputError("config", f"there is no recipe {recipe!r}", cure=cure)
    return ROWS[recipe].preset.adapt(find_rules(competition))


def load_recipe(recipe: str, competition: str = DEFAULT_COMPETITION) -> Any:
    """(names of a recipe and a competition) -> its Recipe, whose code is imported only now."""
    row = ROWS[find_preset(recipe, competition).name]
    loaded = getattr(importlib.import_module(row.module), row.name)
    return loaded.adapt(find_rules(competition))


def make_config(
    recipe: str, overrides: Mapping[str, Any], competition: str = DEFAULT_COMPETITION
) -> Config:
    """(recipe's name, key -> given value, competition's name) -> Config, by configure."""
    return configure(find_preset(recipe, competition), overrides)
