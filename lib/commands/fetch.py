"""`build.py fetch`: fetch a version from Kaggle into runs/<slug>/v<N>/ and verify every file."""

import argparse

from lib.commands.named_version import add_version, open_version
from lib.commands.options import Command


def _run(options: argparse.Namespace) -> int:
    from lib.kaggle.recorded_steps import fetch_and_record  # requests is slow to import

    with open_version(options.version) as opened:
        fetch_and_record(*opened)
    return 0


FETCH = Command(
    "fetch",
    "save and verify a run's outputs",
    add_version,
    _run,
    (
        ("fetch", "the outputs of the last push, into runs/"),
        ("fetch 3", "those of version 3"),
        ("fetch other-kernel/3", "those of another kernel"),
    ),
)
