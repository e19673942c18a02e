"""`build.py verify`: a run's output -> what of it is not as the run wrote it."""

import argparse
from pathlib import Path

from lib.base.places import check_input_place
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, MORE, find_group, tell
from lib.kernel.metrics.weights_kind import refuse_wrong_kind


def _add_options(parser: argparse.ArgumentParser) -> None:
    data = find_group(parser, DATA)
    words = "a run's --output, or what fetch made: runs/SLUG/vN"
    data.add_argument("output", metavar="OUTPUT", type=Path, help=words)
    words = tell("Inception's weights, those that the run had", "found as in a kernel")
    data.add_argument("--weights", metavar="FILE", type=Path, help=words)
    words = "compute the features of all pictures anew, not of a seeded part"
    find_group(parser, MORE).add_argument("--all", action="store_true", help=words)


def _run(options: argparse.Namespace) -> Answer:
    place = check_input_place("verify", options.output, "name the output folder of a run")
    if options.weights:
        refuse_wrong_kind(options.weights)
    from lib.commands.verifying.check_output import verify_output  # torch

    return verify_output(place, options.weights, options.all)


VERIFY = Command(
    "verify",
    "check a run's files and features against manifest and pictures",
    _add_options,
    _run,
    (
        ("verify out", "every file, and the features of a part of the pictures"),
        ("verify runs/gan-challenge/v3 --all", "a fetched version, all pictures"),
        ("verify out --weights inception.pth", "where the weights are not found by themselves"),
    ),
    json="output, whole, sealed, files, bytes, damage, unnamed, rows, deviation",
)
