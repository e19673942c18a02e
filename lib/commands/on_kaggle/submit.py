"""`build.py submit`: submit a fetched run to the competition once, and print its scores."""

import argparse
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lib.base.errors import InputError
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.named_version import Opened, add_version, open_version
from lib.commands.on_kaggle.push_entry import add_project_options
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import KAGGLE, find_group
from lib.kaggle.projects.project import read_check
from lib.kaggle.sweeps.packs import split_variant

_MESSAGE = 200  # characters; behind them comes the mark by which a submission is found again

if TYPE_CHECKING:
    from lib.kaggle.client.submissions import Check


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    add_project_options(parser)
    group = find_group(parser, KAGGLE)
    words = "with --entry: the competition to submit to, above all that names one"
    group.add_argument("--competition", metavar="SLUG", help=words)
    words = "name the version on Kaggle as a code submission; send no file"
    group.add_argument("--kernel", action="store_true", help=words)
    words = "what the list of your submissions says of it"
    group.add_argument("-m", "--message", required=True, metavar="TEXT", help=words)


def _choose_check(options: argparse.Namespace, opened: Opened) -> "Check":
    """Return the check of this repository's kernel, or with --entry of that project."""
    from lib.commands.offline.submission_check import check_submission
    from lib.kaggle.projects.check_output import check_output, try_check

    work, session, ref, version = opened
    if options.entry is None:
        return partial(check_submission, sources=work.read_metadata().competition_sources)
    pushed = (work.find_push(ref, version) or {}).get("check")
    if isinstance(pushed, str) and pushed and not options.check:
        work = replace(work, check=read_check("--check", pushed))
    try_check(work, session.secrets)
    return lambda folder, push: check_output(work, ref, version, session.secrets)


@name_entry
def _run(options: argparse.Namespace) -> int | Answer:
    from lib.kaggle.submit_run import submit_and_record  # requests is slow to import

    if options.entry is None and (options.check or options.competition):
        cure = "add --entry X.py, or leave them out"
        raise InputError("submit", "--check and --competition go with --entry", cure=cure)
    if len(options.message) > _MESSAGE:
        rule, got = f"at most {_MESSAGE} characters", f"{len(options.message):,}"
        raise InputError("submit", "--message", expected=rule, got=got, cure="write less")
    name = split_variant(options.version)[1]
    with open_version(options) as opened:
        check = _choose_check(options, opened)
        found = submit_and_record(*opened, options.message, options.kernel, check, name)
    return Answer("", found) if options.json else 0


SUBMIT = Command(
    "submit",
    "check a run's file, submit it once and wait for its score",
    _add_options,
    _run,
    (
        ('submit -m "first try"', "the last push; fetched where it is not here yet"),
        ('submit 3 -m "version 3"', "an older version"),
        ('submit 3 --kernel -m "by code"', "as a code submission"),
        ('submit a-pack/1/pixel-lr-1e-4 -m "packed"', "one variant of a pack"),
    ),
    json="ref, version, submission, csv_sha256, status; public, private, place, teams or null; "
    "of a pack also variant",
)
