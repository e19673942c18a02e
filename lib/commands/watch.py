"""`build.py watch`: a version on Kaggle -> its log as it grows; exit code 0 only for COMPLETE."""

import argparse

from lib.commands.options import Command
from lib.kaggle.workspace import ROOT, Workplace


def add_version(parser: argparse.ArgumentParser) -> None:
    """A parser -> the same with the optional VERSION of watch, fetch and submit."""
    parser.add_argument(
        "version", nargs="?", metavar="VERSION", help="3, or slug/3; the last push if left out"
    )


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.pending_push import settle_pushes
    from lib.kaggle.recorded_steps import watch_and_record
    from lib.kaggle.session import open_session  # requests is slow to import

    work = Workplace(ROOT)
    work.read_metadata()  # a fresh clone has no owner yet
    settle_pushes(work)  # or the last push might be one that the ledger does not know
    ref, version = work.choose_version(options.version)
    with open_session(work.patience) as session:
        return watch_and_record(work, session, ref, version)


WATCH = Command("watch", "follow a run on Kaggle until it ends", add_version, _run)
