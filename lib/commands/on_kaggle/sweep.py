"""`build.py sweep`: run every combination of listed recipes and values on Kaggle."""

import argparse
import itertools
from functools import partial

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.commands.kernel_options import SETTINGS, add_config_options, read_config
from lib.commands.on_kaggle.push import add_push_options, describe_quota, make_cargo, prepare_push
from lib.commands.on_kaggle.runs import list_pushes, list_runs
from lib.commands.options import Answer, Command


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


def _run(options: argparse.Namespace) -> Answer:
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.push_variants import Variant, sweep

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
    what = f"{len(failures)} of {len(variants)} runs failed"
    failure = PipelineError("sweep", what, got="; ".join(failures[:3])) if failures else None
    facts = {
        "variants": [[point.recipe, *point.set] for point in points],
        "failures": failures,
        "runs": [row.as_json() for row in list_pushes(work)],
    }
    return Answer(list_runs(work), facts, failure=failure)


SWEEP = Command(
    "sweep",
    "push all combinations of listed recipes and values, and wait",
    _add_options,
    _run,
    (
        ("sweep --recipe pixel,r3gan --minutes 60", "two runs, at once"),
        ("sweep --recipe pixel --set lr=1e-3,2e-3 --set depth=4,6", "four runs, two at a time"),
        ("sweep --recipe pixel --set help", "the keys of a recipe"),
    ),
    json="variants, failures and runs, as build.py runs --json lists them",
    settings=SETTINGS,
)
