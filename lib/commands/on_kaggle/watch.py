"""`build.py watch`: print a version's log as it grows; exit code 0 only for COMPLETE."""

import argparse

from lib.commands.on_kaggle.named_version import add_version, open_version
from lib.commands.options import Command


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.recorded_steps import watch_and_record  # requests is slow to import

    with open_version(options) as opened:
        return watch_and_record(*opened)


WATCH = Command(
    "watch",
    "follow a run on Kaggle until it ends",
    add_version,
    _run,
    (
        ("watch", "the last push; Ctrl-C leaves the run alone"),
        ("watch 3", "version 3"),
    ),
)
