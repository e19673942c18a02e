"""`build.py sweep`: run every combination of listed recipes and values on Kaggle."""

import argparse

from lib.base.counted import count_things
from lib.base.errors import InputError, PipelineError
from lib.base.log import log
from lib.commands.kernel_options import SETTINGS, add_config_options
from lib.commands.on_kaggle.delete_kernels import delete_kernels
from lib.commands.on_kaggle.open_workspace import open_workspace
from lib.commands.on_kaggle.pack import (
    TOGETHER,
    Group,
    count_minutes,
    group_points,
    make_variants,
    refuse_unfit,
)
from lib.commands.on_kaggle.push import add_push_options, describe_quota, prepare_push
from lib.commands.on_kaggle.runs import list_pushes, list_runs
from lib.commands.on_kaggle.variants import Point, make_sweep_id, read_points
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import KAGGLE, find_group

_LISTS = {  # option -> what a sweep takes beyond a push
    "--recipe": "one or more, as pixel,r3gan",
    "--set": "one value or more, as lr=1e-4,2e-4: every combination is run",
}


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    for action in parser._actions:
        for option in set(action.option_strings) & _LISTS.keys():
            action.help = f"{_LISTS[option]}; {action.help}"
    add_push_options(parser)
    group = find_group(parser, KAGGLE)
    words = f"run {TOGETHER} variants in one kernel, one on each GPU: a session bills its time once"
    group.add_argument("--pack", action="store_true", help=words)
    words = "delete on Kaggle the kernels of that sweep, after a question; runs/ keeps its files"
    group.add_argument("--delete", metavar="ID", help=words)
    group.add_argument("--yes", action="store_true", help="the answer to that question")


def _run(options: argparse.Namespace) -> Answer:
    if options.delete is not None:
        return delete_kernels(open_workspace(options), options.delete, options.yes)
    if options.yes:
        raise InputError("sweep", "--yes answers the question of --delete", cure="leave it out")
    return _push_all(options)


def _push_all(options: argparse.Namespace) -> Answer:
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.sweeps.push_variants import sweep

    work, metadata, git = prepare_push(options)
    points = read_points(options)
    groups = group_points(points, options.pack)
    refuse_unfit(work.root, groups, options.full)
    sweep_id = make_sweep_id(points, metadata.ref, options.pack)
    _tell_cost(points, groups, metadata.machine_shape)
    log("sweep", f"its id is {sweep_id}: sweep --delete {sweep_id} deletes its kernels")
    variants = make_variants(work.root, groups, git)
    with open_session(work.patience) as session:
        failures = sweep(work, session, metadata, variants, sweep_id)
    facts = {
        "sweep": sweep_id,
        "variants": [[point.options.recipe, *point.options.set] for point in points],
        "failures": failures,
        "runs": [row.as_json() for row in list_pushes(work)],
    }
    failure = _name_failures(failures, len(points)) if failures else None
    return Answer(list_runs(work), facts, failure=failure)


def _name_failures(failures: list[str], runs: int) -> PipelineError:
    what = f"{len(failures)} of {count_things(runs, 'run')} failed"
    cure = "their logs lie in runs/; the same command pushes anew what failed as a whole"
    return PipelineError("sweep", what, got="; ".join(failures[:3]), cure=cure)


def _tell_cost(points: list[Point], groups: list[Group], shape: str) -> None:
    """Print how many runs there are, what they cost on a machine_shape, and what packing saves."""
    in_packs = f" in {count_things(len(groups), 'kernel')}" if len(groups) < len(points) else ""
    log("sweep", f"{count_things(len(points), 'variant')}{in_packs}, two kernels at a time")
    minutes, alone = count_minutes(groups), count_minutes([(point,) for point in points])
    saved = f" instead of {alone:g} min, for two share a session" if minutes < alone else ""
    log("sweep", f"together they take {describe_quota(minutes, shape, len(groups))}{saved}")


SWEEP = Command(
    "sweep",
    "push all combinations of listed recipes and values, and wait",
    _add_options,
    _run,
    (
        ("sweep --recipe pixel,r3gan --minutes 60", "two runs, at once"),
        ("sweep --recipe pixel --set lr=1e-3,2e-3 --set depth=4,6 --pack", "four, in two kernels"),
        ("sweep --delete 1a2b3c4d", "delete the kernels of a sweep; its id is told at its start"),
        ("sweep --recipe pixel --set help", "the keys of a recipe"),
    ),
    json="sweep, variants, failures and runs, as build.py runs --json lists them; after --delete "
    "sweep and kernels",
    settings=SETTINGS,
)
