"""`build.py submit`: a fetched run -> one submission to the competition, and its scores."""

import argparse

from lib.commands.options import Command
from lib.commands.watch import add_version
from lib.kaggle.workspace import ROOT, Workplace


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    parser.add_argument("--kernel", action="store_true", help="as a code submission")
    parser.add_argument("-m", "--message", required=True, metavar="TEXT", help="description")


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.pending_push import settle_pushes
    from lib.kaggle.recorded_steps import submit_and_record
    from lib.kaggle.session import open_session  # requests is slow to import

    work = Workplace(ROOT)
    work.read_metadata()  # a fresh clone has no owner yet
    settle_pushes(work)  # or the last push might be one that the ledger does not know
    ref, version = work.choose_version(options.version)
    with open_session(work.patience) as session:
        submit_and_record(work, session, ref, version, options.message, options.kernel)
    return 0


SUBMIT = Command("submit", "verify, submit and score a run", _add_options, _run)
