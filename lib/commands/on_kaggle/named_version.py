"""The VERSION of watch, fetch and submit -> a session with Kaggle and that version."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.terminal.help_text import KAGGLE, find_group, tell
from lib.kaggle.runs_table import RUN_KEYS, fold_events
from lib.kaggle.sweeps.packs import choose_variant, list_fetched, list_variants, split_variant
from lib.kaggle.workspace import Workspace

if TYPE_CHECKING:
    from lib.kaggle.client.session import KaggleSession

Opened = tuple[Workspace, "KaggleSession", str, int]  # the last two: owner/slug and version


# The keys of describe_version.
RUN_FACTS = f"{', '.join(RUN_KEYS)} and folder; of a whole pack also variants"


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the optional VERSION, and --entry, to a command's options."""
    add_entry(parser)
    find_group(parser, KAGGLE).add_argument(
        "version",
        nargs="?",
        metavar="VERSION",
        help=tell("3, or slug/3; 3/NAME in a pack", "the last push"),
    )


def describe_version(work: Workspace, ref: str, version: int, name: str = "") -> dict[str, Any]:
    """A version, or a variant of it -> what the ledger knows, as `--json` prints it.

    The folder is null where it is not here. Without a name a pack has its variants listed too.
    """
    events, push = work.read_ledger(), work.find_push(ref, version)
    names = list_variants(push)
    if push is None:  # pushed from elsewhere: its files and what was done here tell
        names = [one.name for one in list_fetched(work.locate_run(ref, version))]
        names += [name] if name and name not in names else []
        times = [e.get("time", "") for e in events if (e["ref"], e["version"]) == (ref, version)]
        about = {"time": [*times, ""][0], "ref": ref, "version": version, "status": "UNKNOWN"}
        rows = [{"name": each} for each in names]
        events = [{**about, "event": "push", "variants": rows}, *events]
    if name:
        return _describe(work, events, ref, version, name)
    own = [{key: event[key] for key in event if key != "variants"} for event in events]
    own = [event for event in own if event.get("variant") not in names]
    facts = _describe(work, own, ref, version, "")
    if not names:
        return facts
    return {**facts, "variants": [_describe(work, events, ref, version, each) for each in names]}


def _describe(
    work: Workspace, events: Sequence[dict[str, Any]], ref: str, version: int, name: str
) -> dict[str, Any]:
    """Events -> what they say of one run, and its folder."""
    runs = [run for run in fold_events(events) if (run.ref, run.version) == (ref, version)]
    known = next(run for run in runs if run.name == name)
    folder = work.locate_run(ref, version) / name
    return {
        **known.as_json(),
        "folder": str(folder.relative_to(work.root)) if folder.is_dir() else None,
    }


@contextmanager
def open_version(options: argparse.Namespace) -> Iterator[Opened]:
    """Sign in to Kaggle and yield (workplace, session, owner/slug, version)."""
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.settle import settle_all

    work = open_workspace(options)
    work.read_metadata()  # raises where the owner is not filled in yet
    settle_all(work, wait=options.version is None)  # else the ledger may lack the last push
    text, name = split_variant(options.version)
    ref, version = work.choose_version(text)
    if name:
        choose_variant(work.find_push(ref, version), name, ref, version)
    with open_session(work.patience) as session:
        yield work, session, ref, version
