"""`build.py fetch`: a version on Kaggle -> runs/<slug>/v<N>/, every file verified."""

import argparse

from lib.commands.options import Command
from lib.commands.watch import add_version
from lib.kaggle.workspace import ROOT, Workplace


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.pending_push import settle_pushes
    from lib.kaggle.recorded_steps import fetch_and_record
    from lib.kaggle.session import open_session  # requests is slow to import

    work = Workplace(ROOT)
    work.read_metadata()  # a fresh clone has no owner yet
    settle_pushes(work)  # or the last push might be one that the ledger does not know
    ref, version = work.choose_version(options.version)
    with open_session(work.patience) as session:
        fetch_and_record(work, session, ref, version)
    return 0


FETCH = Command("fetch", "save and verify a run's outputs", add_version, _run)
