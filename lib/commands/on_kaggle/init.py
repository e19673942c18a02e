"""`build.py init`: fill an owner's name into kernel-metadata.json."""

import argparse
import json
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import write_text
from lib.base.log import log
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.options import Command
from lib.commands.terminal.help_text import KAGGLE, find_group, tell
from lib.kaggle.metadata import PLACEHOLDER_OWNER, check_metadata, slugify
from lib.kaggle.metadata_fields import FILE_NAME, parse_metadata, read_fields


def fill_metadata(root: Path, owner: str, slug: str | None) -> None:
    """Fill owner and slug into kernel-metadata.json; leave all other fields as they are.

    A different owner that the user entered is not overwritten.
    """
    path = root / FILE_NAME
    fields = read_fields(path)
    present = parse_metadata(fields)
    if owner.lower() == PLACEHOLDER_OWNER:
        cure = "write your own, as it stands in the address of your profile on kaggle.com"
        raise InputError("init", "that name stands for yours", got=owner, cure=cure)
    if present.owner not in (PLACEHOLDER_OWNER, owner):
        raise InputError(
            "init",
            f"{FILE_NAME} already has an owner",
            got=present.owner,
            cure=f"edit {FILE_NAME} by hand to change it",
        )
    fields["id"] = f"{owner}/{slug or present.slug}"
    if slug and slugify(present.title) != slug:
        fields["title"] = slug.replace("-", " ").title()  # Kaggle makes the slug from the title
    for warning in check_metadata(parse_metadata(fields), root, for_push=False):
        log("init", f"warning: {warning}")
    write_text(path, json.dumps(fields, indent=2) + "\n")
    log("init", f"id {fields['id']}, title {fields['title']!r}, in {FILE_NAME}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = find_group(parser, KAGGLE)
    add_entry(parser)
    words = "your name on Kaggle, as in your profile's address"
    group.add_argument("--owner", required=True, metavar="NAME", help=words)
    words = tell("the kernel's name in its address", f"the one in {FILE_NAME}")
    group.add_argument("--slug", metavar="S", help=words)


@name_entry
def _run(options: argparse.Namespace) -> int:
    work = open_workspace(options)
    fill_metadata(work.root, options.owner, options.slug)
    log("init", f"next: {work.name_command('doctor')}, then {work.name_command('push')}")
    return 0


INIT = Command(
    "init",
    "fill your name into kernel-metadata.json, once",
    _add_options,
    _run,
    (
        ("init --owner YOUR-KAGGLE-NAME", "once, before the first push"),
        ("init --owner YOUR-KAGGLE-NAME --slug my-kernel", "under another name"),
    ),
)
