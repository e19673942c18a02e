"""A Config of recipe auto and the device -> what each candidate runs with, told and to be run."""

from typing import Any

from lib.base.log import log
from lib.kernel.config import Config, as_candidate, make_config, show_value
from lib.kernel.defaults import fill_defaults
from lib.kernel.recipes.table import AUTO, CANDIDATES, list_training_keys
from lib.kernel.sizes import suit_sizes


def settle_candidate(config: Config, recipe: str, is_cuda: bool) -> Config:
    """(Config of recipe auto, a candidate, whether there is a GPU) -> its Config, by the device.

    Its sizes stay open: its trainer settles and prints them.
    """
    return fill_defaults(as_candidate(config, recipe), is_cuda)[0]


def tell_candidates(config: Config, is_cuda: bool) -> dict[str, Any]:
    """(Config, whether there is a GPU) -> {"candidates": candidate -> key -> value as written}.

    These are the keys of training and drawing, sizes settled; all other keys are the run's own.
    Prints a line for each candidate, which says what was given. Of other recipes there are none.
    """
    if config.recipe != AUTO:
        return {}
    described: dict[str, dict[str, Any]] = {}
    for recipe in CANDIDATES:
        row, own = make_config(recipe, {}), as_candidate(config, recipe)
        used = suit_sizes(settle_candidate(config, recipe, is_cuda), is_cuda)
        words, described[recipe] = [], {}
        for name in list_training_keys(recipe):
            value = described[recipe][name] = show_value(name, getattr(used, name))
            is_given = name in config.given or getattr(own, name) != getattr(row, name)
            words.append(f"{name} {value}{' (given)' if is_given else ''}")
        log("auto", f"{recipe} would run with {', '.join(words)}")
    return {"candidates": described}
