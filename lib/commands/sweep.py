"""`build.py sweep`: lists of recipes and values -> every combination run on Kaggle and listed."""

import argparse
import itertools
from functools import partial
from typing import TYPE_CHECKING

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.commands.options import Command, add_config_options, read_config
from lib.commands.push import add_push_options, list_overrides
from lib.commands.quota import describe_quota
from lib.commands.runs import list_runs
from lib.kaggle.git_state import GitState, read_git_state
from lib.kaggle.workspace import ROOT, Workplace
from lib.kernel.config import as_dict

if TYPE_CHECKING:
    from lib.kaggle.push import Cargo


def list_points(options: argparse.Namespace) -> list[argparse.Namespace]:
    """Options with comma lists in --recipe and --set -> one set of options for each combination."""
    choices = [options.recipe.split(",")]
    for text in options.set:
        key, _, values = text.partition("=")
        choices.append([f"{key}={value}" for value in values.split(",")])
    points = []
    for recipe, *overrides in itertools.product(*choices):
        points.append(argparse.Namespace(**{**vars(options), "recipe": recipe, "set": overrides}))
    return points


def _make_cargo(options: argparse.Namespace, git: GitState) -> "Cargo":
    from lib.commands.kernel_build import build_kernel
    from lib.kaggle.push import Cargo

    chosen = read_config(options)
    built = build_kernel(ROOT, chosen.config)
    overrides = list_overrides(options)
    config = as_dict(chosen.config)
    return Cargo(built.path, built.sha256, options.recipe, overrides, config, git)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)  # --recipe and --set take comma lists here
    add_push_options(parser)


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.push import check_clean, choose_machine
    from lib.kaggle.push_variants import Variant, sweep
    from lib.kaggle.session import open_session  # requests is slow to import

    work = Workplace(ROOT)
    metadata = choose_machine(work.read_metadata(), options.accelerator)
    git = read_git_state(ROOT)
    check_clean(git, options.allow_dirty)
    points = list_points(options)
    # A mistyped value is told before anything is pushed.
    minutes = sum(read_config(point).config.minutes for point in points)
    variants = [
        Variant(point.recipe, tuple(point.set), partial(_make_cargo, point, git))
        for point in points
    ]
    log("sweep", f"{len(variants)} variants, two at a time")
    log("sweep", f"together they take {describe_quota(minutes)}")
    with open_session(work.patience) as session:
        failures = sweep(work, session, metadata, variants)
    print(list_runs(work))
    if failures:
        raise PipelineError(
            "sweep", f"{len(failures)} of {len(variants)} runs failed", got="; ".join(failures[:3])
        )
    return 0


SWEEP = Command("sweep", "push variants and wait for all of them", _add_options, _run)
