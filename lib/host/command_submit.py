"""`build.py submit`: a fetched run -> one submission to the competition, and its scores."""

import argparse

from lib.host.command_watch import add_version
from lib.host.options import Command
from lib.host.workplace import ROOT, Workplace


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    parser.add_argument("--kernel", action="store_true", help="as a code submission")
    parser.add_argument("-m", "--message", required=True, metavar="TEXT", help="description")


def _run(options: argparse.Namespace) -> int:
    from lib.host.kaggle_client import open_session  # requests is slow to import
    from lib.host.kaggle_pending import settle_pushes
    from lib.host.loop import submit_and_record

    work = Workplace(ROOT)
    work.read_metadata()  # a fresh clone has no owner yet
    settle_pushes(work)  # or the last push might be one that the ledger does not know
    ref, version = work.choose_version(options.version)
    with open_session(work.patience) as session:
        submit_and_record(work, session, ref, version, options.message, options.kernel)
    return 0


SUBMIT = Command("submit", "verify, submit and score a run", _add_options, _run)
