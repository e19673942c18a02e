"""`build.py sweep`: run every combination of listed recipes and values on Kaggle."""

import argparse
import itertools
from functools import partial

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.commands.options import Command, add_config_options, read_config
from lib.commands.push import add_push_options, describe_quota, make_cargo, prepare_push
from lib.commands.runs import list_runs


def list_points(options: argparse.Namespace) -> list[argparse.Namespace]:
    """Options with comma lists in --recipe and --set -> the options of each combination."""
    choices = [options.recipe.split(",")]
    for text in options.set:
        key, _, values = text.partition("=")
        choices.append([f"{key}={value}" for value in values.split(",")])
    points = []
    for recipe, *overrides in itertools.product(*choices):
        points.append(argparse.Namespace(**{**vars(options), "recipe": recipe, "set": overrides}))
    return points


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)  # --recipe and --set take comma lists here
    add_push_options(parser)


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.push_variants import Variant, sweep
    from lib.kaggle.session import open_session  # requests is slow to import

    work, metadata, git = prepare_push(options)
    points = list_points(options)
    # A mistyped value is reported before anything is pushed.
    configs = [read_config(point).config for point in points]
    variants = [
        Variant(point.recipe, tuple(point.set), partial(make_cargo, point, config, git))
        for point, config in zip(points, configs, strict=True)
    ]
    log("sweep", f"{len(variants)} variants, two at a time")
    log("sweep", f"together they take {describe_quota(sum(config.minutes for config in configs))}")
    with open_session(work.patience) as session:
        failures = sweep(work, session, metadata, variants)
    print(list_runs(work))
    if failures:
        raise PipelineError(
            "sweep", f"{len(failures)} of {len(variants)} runs failed", got="; ".join(failures[:3])
        )
    return 0


SWEEP = Command("sweep", "push variants and wait for all of them", _add_options, _run)
