"""`build.py watch`: print a version's log as it grows; exit code 0 only for COMPLETE."""

import argparse

from lib.base.errors import PipelineError
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.named_version import (
    RUN_FACTS,
    add_version,
    describe_version,
    open_version,
)
from lib.commands.options import Answer, Command
from lib.kaggle.sweeps.packs import split_variant


@name_entry
def _run(options: argparse.Namespace) -> int | Answer:
    from lib.kaggle.recorded_steps import watch_and_record  # requests is slow to import

    failure, name = None, split_variant(options.version)[1]
    with open_version(options) as opened:
        try:
            code = watch_and_record(*opened)
        except PipelineError as error:
            if not options.json:
                raise
            code, failure = error.exit_code, error
        if not options.json:
            return code
        work, _, ref, version = opened
        return Answer("", describe_version(work, ref, version, name), code, failure)


WATCH = Command(
    "watch",
    "follow a run on Kaggle until it ends",
    add_version,
    _run,
    (
        ("watch", "the last push; Ctrl-C leaves the run alone"),
        ("watch 3", "version 3"),
    ),
    json=RUN_FACTS,
)
