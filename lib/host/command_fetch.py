"""`build.py fetch`: a version on Kaggle -> runs/<slug>/v<N>/, every file verified."""

import argparse

from lib.host.command_watch import add_version
from lib.host.options import Command
from lib.host.workplace import ROOT, Workplace


def _run(options: argparse.Namespace) -> int:
    from lib.host.kaggle_client import open_session  # requests is slow to import
    from lib.host.kaggle_pending import settle_pushes
    from lib.host.loop import fetch_and_record

    work = Workplace(ROOT)
    work.read_metadata()  # a fresh clone has no owner yet
    settle_pushes(work)  # or the last push might be one that the ledger does not know
    ref, version = work.choose_version(options.version)
    with open_session(work.patience) as session:
        fetch_and_record(work, session, ref, version)
    return 0


FETCH = Command("fetch", "save and verify a run's outputs", add_version, _run)
