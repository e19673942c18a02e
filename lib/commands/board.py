"""`build.py board`: the ledger and all folders here -> one HTML page of all runs."""

import argparse
import json
import sys
from pathlib import Path

from lib.base.counted import count_things
from lib.base.errors import InputError
from lib.base.files import write_text
from lib.base.log import log
from lib.commands.all_runs.collect import collect_runs
from lib.commands.all_runs.page import make_page
from lib.commands.options import Command
from lib.commands.output_file import check_output_file
from lib.commands.terminal.help_text import OUTPUT, find_group, tell
from lib.kaggle.workspace import ROOT, Workspace

PAGE = Path("build") / "board.html"


def write_board(work: Workspace, target: Path) -> None:
    """Write the page of all runs of a workplace, and print its address."""
    collected = collect_runs(work)
    page, notes = make_page(collected, work.root, target)
    write_text(target, page)
    for note in notes:
        log("board", note)
    size = f"{max(1, len(page.encode()) // 1000):,} kB"
    runs = count_things(len(collected.rows), "run")
    log("board", f"{runs}, {size}; open it with a browser:")
    log("board", target.absolute().as_uri())


def print_rows(work: Workspace) -> None:
    """Print all runs as JSON on stdout, and what was left out on stderr."""
    collected = collect_runs(work)
    for note in collected.notes:
        print(f"board: {note}", file=sys.stderr)
    print(json.dumps([row.as_json() for row in collected.rows], indent=1))


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = find_group(parser, OUTPUT)
    group.add_argument("--output", metavar="FILE", help=tell("the page", PAGE))
    group.add_argument(
        "--json",
        action="store_true",
        help="print the runs as JSON instead of writing the page; keys: docs/BOARD.md",
    )


def _run(options: argparse.Namespace) -> int:
    work = Workspace(ROOT)
    if not options.json:
        target = Path(options.output) if options.output else ROOT / PAGE
        write_board(work, check_output_file("board", target))
    elif options.output:
        cure = "leave out one of them; --json > FILE keeps the JSON"
        raise InputError("board", "--json prints, and --output names a page", cure=cure)
    else:
        print_rows(work)
    return 0


BOARD = Command(
    "board",
    "write one HTML page of all runs, here and on Kaggle",
    _add_options,
    _run,
    (
        ("board", "build/board.html, to open as a file"),
        ("board --json", "the same runs for a program"),
    ),
)
