"""`build.py submit`: submit a fetched run to the competition once, and print its scores."""

import argparse
from functools import partial

from lib.commands.named_version import add_version, open_version
from lib.commands.options import Command


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    parser.add_argument("--kernel", action="store_true", help="as a code submission")
    parser.add_argument("-m", "--message", required=True, metavar="TEXT", help="description")


def _run(options: argparse.Namespace) -> int:
    from lib.commands.offline.submission_check import check_submission
    from lib.kaggle.recorded_steps import submit_and_record  # requests is slow to import

    with open_version(options.version) as opened:
        sources = opened[0].read_metadata().competition_sources
        check = partial(check_submission, sources=sources)
        submit_and_record(*opened, options.message, options.kernel, check)
    return 0


SUBMIT = Command("submit", "verify, submit and score a run", _add_options, _run)
