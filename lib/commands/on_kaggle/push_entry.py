"""The options of `push --entry X.py` -> the project, its metadata and its bundle, ready to go."""

import argparse
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.base.counted import count_things
from lib.base.errors import InputError
from lib.base.log import log
from lib.commands.bundling.bundle import add_bundler_options, bundle_program
from lib.commands.kernel_options import add_config_options, add_full_option
from lib.commands.on_kaggle.open_workspace import open_workspace
from lib.commands.terminal.help_text import KAGGLE, find_group
from lib.kaggle.git_state import read_git_state
from lib.kaggle.metadata import check_metadata
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.workspace import Workspace
from lib.kernel.competition.table import DEFAULT_COMPETITION

if TYPE_CHECKING:
    from lib.kaggle.push import Cargo

_BOTH = ("competition", "minutes")  # options that both kinds of push have


@dataclass(frozen=True)
class Loaded:
    """A project whose bundle is written."""

    work: Workspace
    metadata: Metadata
    cargo: "Cargo"


def add_project_options(parser: argparse.ArgumentParser) -> None:
    """Add --check, for the commands that look at what is submitted."""
    words = "with --entry: calls it with the path of the file to submit; ValueError refuses it"
    find_group(parser, KAGGLE).add_argument("--check", metavar="MODULE:FUNCTION", help=words)


def demand_one_kind(options: argparse.Namespace) -> None:
    """Raise InputError for options of the kernel beside --entry, or of the bundler without it."""
    if options.entry is None:
        wrong = [*_list_given(options, add_bundler_options), *["--check"] * bool(options.check)]
        cure = "add --entry X.py, or leave them out"
        what = "these options bundle a program of your own"
    else:
        wrong = [*_list_given(options, add_config_options), *_list_given(options, add_full_option)]
        cure = "leave them out; a program of your own is set by its own files"
        what = "these options are of this repository's kernel, not of --entry's program"
    if wrong:
        raise InputError("push", what, got=", ".join(wrong), cure=cure)


def load_entry(options: argparse.Namespace) -> Loaded:
    """Bundle --entry's program into its project's build/; raise InputError for what is at fault.

    The project's check is imported first, so that a run is not made for nothing.
    """
    from lib.kaggle.projects.check_output import try_check  # requests is slow to import
    from lib.kaggle.push import Cargo, check_clean, choose_machine

    if options.competition == DEFAULT_COMPETITION:  # what push has where none is given
        options = argparse.Namespace(**{**vars(options), "competition": None})
    work = open_workspace(options)
    form = None if options.format == "script" else options.format
    metadata = choose_machine(work.read_metadata(form), options.accelerator)
    metadata = _attach(metadata, work)
    check_metadata(metadata, work.root, for_push=False)  # push_cargo tells the warnings
    minutes = _read_minutes(options.minutes)
    try_check(work)
    output = work.root / metadata.code_file
    entry = Path(os.path.normpath(options.entry))
    name = Path(os.path.relpath(entry, work.root)).as_posix()
    made = bundle_program(entry, output, metadata.kernel_type, options)
    git = read_git_state(work.root, [entry, *made.bundle.sources])
    check_clean(git, options.allow_dirty)
    files = count_things(len(made.manifest["inputs"]), "file")
    log("push", f"{name}: {made.manifest['bytes']:,} bytes, {files}")
    facts: dict[str, Any] = {"entry": name}
    if work.is_overridden:
        facts["competition"] = work.competition
    if options.check:
        facts["check"] = work.check
    sha256, text = made.bundle.sha256, made.text
    return Loaded(work, metadata, Cargo(output, sha256, name, facts, git, minutes, text))


def _attach(metadata: Metadata, work: Workspace) -> Metadata:
    """Add the competition of this push to those that the kernel sees, where it is missing."""
    competition = work.competition
    if not competition or competition in metadata.competition_sources:
        return metadata
    who = "--competition" if work.is_overridden else "the project"
    log("push", f"attaches the competition {competition}, which {who} names")
    return replace(metadata, competition_sources=(*metadata.competition_sources, competition))


def _read_minutes(text: str | None) -> float | None:
    """The text of --minutes -> the number; InputError for anything else."""
    if text is None:
        return None
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise InputError(
            "push",
            "--minutes cannot be read",
            expected="a number above 0",
            got=repr(text),
            cure="write --minutes 60",
        )
    return minutes


def _list_given(
    options: argparse.Namespace, add_options: Callable[[argparse.ArgumentParser], None]
) -> list[str]:
    """List those options of a function that differ from their defaults, as they are typed."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    return [
        action.option_strings[-1]
        for action in parser._actions
        if action.dest not in _BOTH and getattr(options, action.dest) != action.default
    ]
