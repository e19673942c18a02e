"""`build.py curate`: a pool of features -> the row numbers of the subset with the least FID."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place
from lib.commands.kernel_options import add_weights_option
from lib.commands.options import Answer, Command
from lib.commands.output_file import check_output_file
from lib.commands.terminal.help_text import DATA, OUTPUT, RECIPE, find_group, tell
from lib.kernel.configuration.challenge import SUBMITTED

_ROUNDS = 20  # DEFAULT_ROUNDS of the curation, which needs torch
_KINDS = "features or images as .npy, a folder or zip of them, or a run's cached features"


def _add_options(parser: argparse.ArgumentParser) -> None:
    data, search = find_group(parser, DATA), find_group(parser, RECIPE)
    data.add_argument("pool", metavar="POOL", type=Path, help=_KINDS)
    data.add_argument("--real", metavar="REAL", type=Path, required=True, help="as POOL")
    add_weights_option(data, "where either are images: ")
    words = tell("how many to choose", SUBMITTED, "rows")
    search.add_argument("-n", type=int, default=SUBMITTED, metavar="N", help=words)
    words = tell("real ones kept from the choice as a proof", 0, "rows")
    search.add_argument("--holdout", type=int, default=0, metavar="N", help=words)
    words = tell("the same seed draws the same rows", 0)
    search.add_argument("--seed", type=int, default=0, metavar="S", help=words)
    words = tell("at most, of exchanges of rows", _ROUNDS, "rounds")
    search.add_argument("--rounds", type=int, metavar="R", help=words)
    words = tell("at most; a guard, not a schedule", 120, "s")
    search.add_argument("--seconds", type=float, default=120.0, metavar="T", help=words)
    find_group(parser, OUTPUT).add_argument(
        *("-o", "--output"),
        metavar="CHOSEN.npy",
        type=Path,
        required=True,
        help="the row numbers of POOL that are chosen, (n,) int64",
    )


def _run(options: argparse.Namespace) -> Answer:
    for path in (options.pool, options.real):
        check_input_place("curate", path)
    check_output_file("curate", options.output)
    from lib.commands.offline.curation import curate_files  # torch

    return curate_files(options)


CURATE = Command(
    "curate",
    "choose the rows of a pool whose FID against real images is least",
    _add_options,
    _run,
    (
        ("curate pool.npy --real real.npy -o chosen.npy", "1,000 rows, by features"),
        ("curate pool.npy --real real.npy -o chosen.npy --holdout 5000", "with a proof"),
        ("curate images.zip --real data -o chosen.npy -n 100", "by pictures and shards"),
    ),
    json="against (name, real, random_draw, random_draw_spread, draws, curated), "
    "floors (floor, floor_error, floor_size, floor_against), chosen, pool and output",
)
