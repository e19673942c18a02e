"""`build.py submit`: submit a fetched run to the competition once, and print its scores."""

import argparse
from functools import partial

from lib.commands.on_kaggle.named_version import add_version, open_version
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import KAGGLE, find_group
from lib.kaggle.packs import split_variant


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    group = find_group(parser, KAGGLE)
    words = "name the version on Kaggle as a code submission; send no file"
    group.add_argument("--kernel", action="store_true", help=words)
    words = "what the list of your submissions says of it"
    group.add_argument("-m", "--message", required=True, metavar="TEXT", help=words)


def _run(options: argparse.Namespace) -> int | Answer:
    from lib.commands.offline.submission_check import check_submission
    from lib.kaggle.recorded_steps import submit_and_record  # requests is slow to import

    name = split_variant(options.version)[1]
    with open_version(options) as opened:
        sources = opened[0].read_metadata().competition_sources
        check = partial(check_submission, sources=sources)
        found = submit_and_record(*opened, options.message, options.kernel, check, name)
    return Answer("", found) if options.json else 0


SUBMIT = Command(
    "submit",
    "check a run's file, submit it once and wait for its score",
    _add_options,
    _run,
    (
        ('submit -m "first try"', "the last push; fetched where it is not here yet"),
        ('submit 3 -m "version 3"', "an older version"),
        ('submit 3 --kernel -m "by code"', "as a code submission"),
        ('submit a-pack/1/pixel-lr-1e-4 -m "packed"', "one variant of a pack"),
    ),
    json="ref, version, submission, csv_sha256, status, public and private (null: not shown)",
)
