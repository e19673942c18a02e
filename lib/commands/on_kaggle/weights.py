"""`build.py weights`: put Inception's weights or another file on Kaggle and attach it."""

import argparse
import dataclasses
import re
from pathlib import Path

from lib.base.errors import InputError
from lib.base.log import log
from lib.base.places import check_input_file
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, KAGGLE, find_group, tell
from lib.kaggle.metadata_fields import FILE_NAME

_SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
_NOTE = 200  # characters, before the sha256


def _add_options(parser: argparse.ArgumentParser) -> None:
    words = tell("weights, a checkpoint, or any other file", "torchvision's Inception weights")
    find_group(parser, DATA).add_argument("file", nargs="?", metavar="FILE", help=words)
    group = find_group(parser, KAGGLE)
    words = tell("the data set's name in its address", "made from the file's name")
    group.add_argument("--slug", metavar="S", help=words)
    words = tell("what the version's note says before its sha256", "the file's name")
    group.add_argument("-m", "--message", metavar="TEXT", help=words)
    add_entry(parser)


@name_entry
def _run(options: argparse.Namespace) -> Answer:
    if options.file is not None:
        check_input_file("weights", Path(options.file), "give the path of one file")
    from lib.commands.on_kaggle.weights_file import find_torchvision_weights, identify
    from lib.kaggle.attach_data_set import attach_data_set  # requests is slow to import
    from lib.kaggle.client.account import explain_owner
    from lib.kaggle.client.credentials import list_secrets
    from lib.kaggle.client.session import open_session
    from lib.kaggle.data_set_content import read_content
    from lib.kaggle.push_data_set import push_data_set

    work = open_workspace(options)
    metadata = work.read_metadata()  # raises where the owner is not filled in yet
    _check_words(options)
    path = (
        Path(options.file)
        if options.file is not None
        else find_torchvision_weights(work.root / "runs")
    )
    content = read_content(path, path.name, list_secrets())
    file = identify(path, content.sha256)
    log("weights", f"{path.name}: {file.what}")
    if file.name != content.name:
        log("weights", f"it is named {file.name} on Kaggle, as a kernel looks for it")
        content = dataclasses.replace(content, name=file.name)
    ref = f"{metadata.owner}/{options.slug or file.slug}"
    with open_session(work.patience) as session, explain_owner(session, metadata.ref):
        placed = push_data_set(work, session, ref, content, options.message or file.name)
    change = attach_data_set(work.root / FILE_NAME, placed.source)
    told = f"{placed.source} stands there already"
    log("weights", f"dataset_sources of {FILE_NAME}: {change or told}")
    log("weights", f"next: {work.name_command('push' if work.entry else file.push)}")
    facts = {"ref": ref, "version": placed.version, "source": placed.source, "file": file.name}
    facts |= {"sha256": content.sha256, "new": placed.is_new, "attached": bool(change)}
    return Answer(f"{ref} version {placed.version} is ready: private, holds {file.name}", facts)


def _check_words(options: argparse.Namespace) -> None:
    """Raise InputError for a slug or a note that Kaggle would refuse or change."""
    slug, note = options.slug, options.message
    if slug is not None and not (6 <= len(slug) <= 50 and re.fullmatch(_SLUG, slug)):
        rule = "6 to 50 of a-z, 0-9 and single dashes"
        raise InputError("weights", "--slug", expected=rule, got=repr(slug), cure="write another")
    if note is not None and not (note.isprintable() and 0 < len(note) <= _NOTE):
        rule = f"one line of at most {_NOTE} characters"
        got = repr(note[:80])
        raise InputError("weights", "--message", expected=rule, got=got, cure="write another")


WEIGHTS = Command(
    "weights",
    "put weights on Kaggle as a private data set, attach it",
    _add_options,
    _run,
    (
        ("weights", "torchvision's weights: then a run needs no internet"),
        ("weights model.pt --slug my-model", "another file, under a name of yours"),
    ),
    json="ref, version, source, file, sha256, new (made now) and attached (now)",
)
