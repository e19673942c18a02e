"""The VERSION of watch, fetch and submit -> a session with Kaggle and that version."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib.commands.terminal.help_text import KAGGLE, find_group, tell
from lib.kaggle.packs import split_variant
from lib.kaggle.workspace import ROOT, Workspace

if TYPE_CHECKING:
    from lib.kaggle.client.session import KaggleSession


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the optional VERSION to a command's options."""
    find_group(parser, KAGGLE).add_argument(
        "version",
        nargs="?",
        metavar="VERSION",
        help=tell("3, or slug/3; 3/NAME in a pack", "the last push"),
    )


@contextmanager
def open_version(text: str | None) -> Iterator[tuple[Workspace, "KaggleSession", str, int]]:
    """Sign in to Kaggle and yield (workplace, session, owner/slug, version)."""
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.push_records import settle_pushes

    work = Workspace(ROOT)
    work.read_metadata()  # raises where the owner is not filled in yet
    settle_pushes(work)  # else the ledger may lack the last push
    ref, version = work.choose_version(split_variant(text)[0])
    with open_session(work.patience) as session:
        yield work, session, ref, version
