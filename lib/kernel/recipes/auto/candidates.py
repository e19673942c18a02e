"""The settings of each candidate: printed before the trials, and settled for each trial."""

from typing import Any

from lib.base.log import log
from lib.kernel.configuration.config import Config, show_value
from lib.kernel.configuration.configure import as_candidate, configure
from lib.kernel.configuration.preset import quote_idea
from lib.kernel.planning.automatic import fill_defaults
from lib.kernel.recipe import Recipe


def settle_candidate(config: Config, recipe: Recipe, candidate: Recipe, is_cuda: bool) -> Config:
    """(Config, its recipe, a candidate, whether there is a GPU) -> the candidate's Config.

    Automatic sizes stay open: the candidate's trainer settles and prints them.
    """
    own = as_candidate(config, recipe.preset, candidate.preset)
    return fill_defaults(own, candidate.preset, is_cuda)[0]


def tell_candidates(recipe: Recipe, config: Config, is_cuda: bool) -> dict[str, Any]:
    """Print a line on each candidate and what was given; return candidate -> key -> value.

    The keys are those of training and drawing, with sizes settled and values as users write them.
    All other keys are the run's own.
    """
    described: dict[str, dict[str, Any]] = {}
    for candidate in recipe.candidates:
        row = configure(candidate.preset, {})
        own = as_candidate(config, recipe.preset, candidate.preset)
        settled = settle_candidate(config, recipe, candidate, is_cuda)
        used = candidate.preset.sizes.resolve(settled, is_cuda)
        words, described[candidate.name] = [], {}
        for name in candidate.preset.training_keys:
            value = described[candidate.name][name] = show_value(name, getattr(used, name))
            is_given = name in config.given or getattr(own, name) != getattr(row, name)
            words.append(f"{name} {value}{' (given)' if is_given else ''}")
        log(
            "auto",
            f"{candidate.name} {quote_idea(candidate.preset)} would run with {', '.join(words)}",
        )
    return described
