"""`build.py curate`: a pool of features -> the row numbers of the subset with the least FID."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place, check_output_file
from lib.commands.options import Command
from lib.kernel.configuration.challenge import SUBMITTED

_KINDS = "features or images as .npy, a folder or zip of them, or a run's cached features"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", metavar="POOL", type=Path, help=_KINDS)
    parser.add_argument("--real", metavar="REAL", type=Path, required=True, help="as POOL")
    parser.add_argument("--weights", metavar="FILE", help="where either are images; or 'random'")
    parser.add_argument("-n", type=int, default=SUBMITTED, metavar="N", help="rows to choose")
    parser.add_argument(
        "-o", "--output", metavar="CHOSEN.npy", type=Path, required=True, help="(n,) int64"
    )
    parser.add_argument(
        "--holdout", type=int, default=0, metavar="N", help="real rows kept from it as a proof"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--rounds", type=int, metavar="R", help="at most")
    parser.add_argument(
        "--seconds", type=float, default=120.0, metavar="T", help="a guard, not a schedule"
    )


def _run(options: argparse.Namespace) -> int:
    for path in (options.pool, options.real):
        check_input_place("curate", path)
    check_output_file("curate", options.output)
    from lib.commands.offline.curation import curate_files  # torch

    return curate_files(options)


CURATE = Command("curate", "choose the rows of a pool whose FID is least", _add_options, _run)
