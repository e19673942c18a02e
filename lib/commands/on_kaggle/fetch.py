"""`build.py fetch`: fetch a version from Kaggle into runs/<slug>/v<N>/ and verify every file."""

import argparse

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.commands.all_runs.collect import collect_runs
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.named_version import (
    RUN_FACTS,
    add_version,
    describe_version,
    open_version,
)
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import KAGGLE, find_group
from lib.kaggle.sweeps.packs import split_variant
from lib.kaggle.workspace import Workspace


def tell_comparison(work: Workspace, ref: str, version: int) -> None:
    """Print how a fetched version's FID stands beside the best comparable run before."""
    folder = work.locate_run(ref, version).relative_to(work.root)
    for row in collect_runs(work).rows:
        if row.folder and folder in (row.folder, row.folder.parent) and row.comparison:
            whose = f"{row.run.name} " if row.run and row.run.name else ""
            log("fetch", f"{whose}compared: {row.comparison.words}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    words = 'save only files of such names, as "*.csv"; can be given again'
    find_group(parser, KAGGLE).add_argument(
        "--file-pattern", action="append", default=[], metavar="GLOB", help=words
    )


@name_entry
def _run(options: argparse.Namespace) -> int | Answer:
    from lib.kaggle.recorded_steps import fetch_and_record  # requests is slow to import

    failure, name = None, split_variant(options.version)[1]
    with open_version(options) as opened:
        work, _, ref, version = opened
        try:
            fetch_and_record(*opened, options.file_pattern)
            if not work.entry:
                tell_comparison(work, ref, version)
        except PipelineError as error:
            if not options.json:
                raise
            failure = error
    if not options.json:
        return 0
    return Answer("", describe_version(work, ref, version, name), failure=failure)


FETCH = Command(
    "fetch",
    "save and verify a run's outputs",
    _add_options,
    _run,
    (
        ("fetch", "the outputs of the last push, into runs/"),
        ("fetch 3", "those of version 3"),
        ("fetch other-kernel/3", "those of another kernel"),
        ('fetch 3 --file-pattern "*.csv"', "the CSV alone, verified as well"),
    ),
    json=RUN_FACTS,
)
