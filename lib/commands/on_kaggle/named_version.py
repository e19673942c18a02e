"""The VERSION of watch, fetch and submit -> a session with Kaggle and that version."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.terminal.help_text import KAGGLE, find_group, tell
from lib.kaggle.runs_table import RUN_KEYS, Run, fold_events
from lib.kaggle.sweeps.packs import split_variant
from lib.kaggle.workspace import Workspace

if TYPE_CHECKING:
    from lib.kaggle.client.session import KaggleSession

Opened = tuple[Workspace, "KaggleSession", str, int]  # the last two: owner/slug and version


RUN_FACTS = f"{', '.join(RUN_KEYS)} and folder"  # the keys of describe_version


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the optional VERSION, and --entry, to a command's options."""
    add_entry(parser)
    find_group(parser, KAGGLE).add_argument(
        "version",
        nargs="?",
        metavar="VERSION",
        help=tell("3, or slug/3; 3/NAME in a pack", "the last push"),
    )


def describe_version(work: Workspace, ref: str, version: int) -> dict[str, Any]:
    """A version -> what the ledger knows of it, as `--json` prints it, and where its outputs are.

    The folder is null where they are not here.
    """
    runs = [
        run for run in fold_events(work.read_ledger()) if (run.ref, run.version) == (ref, version)
    ]
    facts = (runs[0] if runs else Run(ref, version, {}, "UNKNOWN")).as_json()
    folder = work.locate_run(ref, version)
    return {**facts, "folder": str(folder.relative_to(work.root)) if folder.is_dir() else None}


@contextmanager
def open_version(options: argparse.Namespace) -> Iterator[Opened]:
    """Sign in to Kaggle and yield (workplace, session, owner/slug, version)."""
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.submit_records import settle_all

    work = open_workspace(options)
    work.read_metadata()  # raises where the owner is not filled in yet
    settle_all(work, wait=options.version is None)  # else the ledger may lack the last push
    ref, version = work.choose_version(split_variant(options.version)[0])
    with open_session(work.patience) as session:
        yield work, session, ref, version
