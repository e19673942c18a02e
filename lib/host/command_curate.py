"""`build.py curate`: a pool of features -> the row numbers of the subset of least FID."""

import argparse
from pathlib import Path

from lib.host.options import Command
from lib.kernel.places import check_input_file, check_output_file


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", metavar="POOL.npy", type=Path, help="(N, 2048) floats")
    parser.add_argument(
        "--real", metavar="FEATURES.npy", type=Path, required=True, help="(N, 2048) floats"
    )
    parser.add_argument("-n", type=int, default=1000, metavar="N", help="rows to choose")
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
    from lib.host.curation import curate_files  # torch

    for path in (options.pool, options.real):
        check_input_file("curate", path)
    check_output_file("curate", options.output)
    return curate_files(options)


CURATE = Command("curate", "choose the rows of a pool whose FID is least", _add_options, _run)
