"""The option --entry -> the Workspace of the project that it chooses, else of this repository."""

import argparse
from dataclasses import replace
from pathlib import Path

from lib.commands.terminal.help_text import KAGGLE, find_group
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.projects.project import find_root, read_check, read_project, read_slug
from lib.kaggle.workspace import ROOT, Workspace

OWN_COLUMNS = ("fid", "floor", "random_weights")  # what the ledger records of this kernel's runs
OWN_OLD_NAMES = {"recipe": "label"}  # ledgers from before labels name the recipe alone


def add_entry(parser: argparse.ArgumentParser) -> None:
    """Add --entry, which chooses the project, to a command's options."""
    words = (
        "work on the project of this program: the nearest folder above with kernel-metadata.json"
    )
    find_group(parser, KAGGLE).add_argument("--entry", metavar="X.py", help=words)


def open_workspace(options: argparse.Namespace) -> Workspace:
    """Return the Workspace of the project that --entry chooses, without it this repository's.

    The project's [tool.kernelpress] is read; --competition and --check stand above it.
    """
    entry = getattr(options, "entry", None)
    root = ROOT if entry is None else find_root(Path(entry))
    project = read_project(root)
    patience = Patience()
    if project.settle_seconds is not None:
        patience = replace(patience, settle_s=project.settle_seconds)
    if entry is None:
        return Workspace(root, patience, OWN_COLUMNS, best="low", old_names=OWN_OLD_NAMES)
    competition = getattr(options, "competition", None)
    check = getattr(options, "check", None)
    return Workspace(
        root,
        patience,
        project.columns,
        project.competition if competition is None else read_slug("--competition", competition),
        project.check if check is None else read_check("--check", check),
        project.submission,
        project.best,
        entry,
        is_overridden=competition is not None,
    )
