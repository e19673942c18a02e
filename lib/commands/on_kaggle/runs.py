"""`build.py runs`: the ledger -> a table of all pushes, best first, or how two of them differ."""

import argparse
import contextlib
import difflib
import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.log import log
from lib.base.missing_packages import explain_missing
from lib.base.terminal import paint
from lib.commands.all_runs.collect import collect_runs
from lib.commands.all_runs.row import RunRow
from lib.commands.on_kaggle.entry_cures import add_entry_to, name_entry
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.on_kaggle.runs_export import CSV, EXPORTS, export_csv
from lib.commands.on_kaggle.runs_trackio import export_to_trackio
from lib.commands.options import Command
from lib.commands.terminal.help_text import KAGGLE, OUTPUT, find_group, find_width
from lib.kaggle.ledger import is_settled
from lib.kaggle.runs_table import (
    SCORES,
    Column,
    Run,
    fold_events,
    format_runs,
    list_columns,
    rank_runs,
    show_number,
)
from lib.kaggle.workspace import Workspace
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.configure import differences
from lib.kernel.recipes.auto.preset import AUTO_PRESET

_DIFF_LINES = 400


def list_runs(work: Workspace) -> str:
    """Read a workplace's ledger and return the table of its pushes, best first.

    On a terminal the best one is bold, where any has a score or an FID.
    """
    if work.entry:
        return _list_project(work)
    rows = list_pushes(work)
    if not rows:
        return "no push is recorded yet: python build.py push"
    runs = [row.run for row in rows if row.run]
    beside = {id(row.run): row.comparison.short for row in rows if row.comparison}
    table = format_runs(runs, _list_columns(runs, beside), find_width())
    if rows[0].public is None and rows[0].fid is None:
        return table
    head, best, *others = table.split("\n")
    return "\n".join([head, paint(best, "bold", sys.stdout), *others])


def list_rows(work: Workspace) -> list[dict[str, Any]]:
    """Read a workplace's ledger and return its versions as JSON values, best first."""
    if not work.entry:
        return [row.as_json() for row in list_pushes(work)]
    return [run.as_json() for run in _rank_project(work)]


def _rank_project(work: Workspace) -> list[Run]:
    return rank_runs(fold_events(work.read_ledger()), work.best, next(iter(work.columns), ""))


def _list_project(work: Workspace) -> str:
    """Return the table of a project that --entry chose."""
    runs = _rank_project(work)
    if not runs:
        return f"no push is recorded yet: {work.name_command('push')}"
    return format_runs(runs, list_columns(work.columns), find_width())


def _list_columns(runs: Sequence[Run], beside: Mapping[int, str]) -> list[Column]:
    """(Runs, the id of each -> how its FID stands beside the best before) -> our kernel's columns.

    Overrides that all runs have stand last, where they are cut first.
    """
    common = set.intersection(*(set(_list_overrides(run)) for run in runs))
    usual = {column.title: column for column in list_columns(())}

    def show_recipe(run: Run) -> str:
        return str(run.push.get("recipe") or "-")

    return [
        *(usual[name] for name in ("kernel", "version", "commit", "bundle")),
        Column("recipe", show_recipe, least=12),
        Column("overrides", lambda run: _show_overrides(run, common), least=9, drop=9),
        *(usual[name] for name in ("status", "minutes")),
        Column("FID", lambda run: show_number(run.read("fid")), right=True),
        Column("floor", lambda run: show_number(run.read("floor")), right=True, drop=8),
        Column("beside best", lambda run: beside.get(id(run), "-"), right=True, drop=7),
        *SCORES,
    ]


def _show_overrides(run: Run, common: Collection[str]) -> str:
    return " ".join(sorted(_list_overrides(run), key=lambda text: text in common)) or "-"


def _list_overrides(run: Run) -> list[str]:
    """A Run -> its "key=value", of a path its file's name alone."""
    given = run.push.get("overrides")
    texts = map(str, given) if isinstance(given, list) else ()
    return [re.sub(r"=\S*[/\\]", "=", text) for text in texts]


def list_pushes(work: Workspace) -> list[RunRow]:
    """Read a workplace's ledger and return its pushes, best first."""
    return [row for row in collect_runs(work).rows if row.run]


def compare_runs(work: Workspace, one: str, other: str) -> str:
    """Return what differs between two versions in configuration and code."""
    found = find_differences(work, one, other)
    lines = [f"--- {found['first']}", f"+++ {found['second']}", "configuration"]
    lines += [f"  {line}" for line in found["configuration"]] or ["  the same"]
    return "\n".join([*lines, "code", *(f"  {line}" for line in found["code"])])


def find_differences(work: Workspace, one: str, other: str) -> dict[str, Any]:
    """Compare two versions; return their names and the lines that differ, as `--json` has them."""
    first, second = (_find_push(work, text) for text in (one, other))
    names = [f"{push['ref']} version {push['version']}" for push in (first, second)]
    facts = ("machine_shape", "commit")
    changed = differences({**_pick(first, facts)}, {**_pick(second, facts)})
    configs = [modernise_config(each.get("config") or {}) for each in (first, second)]
    changed += differences(configs[0], configs[1], AUTO_PRESET)
    code = _compare_code(work, first, second)
    return {"first": names[0], "second": names[1], "configuration": changed, "code": code}


def _pick(push: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: push.get(name) for name in names}


def _compare_code(work: Workspace, first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    digests = [str(push.get("source_sha256")) for push in (first, second)]
    if digests[0] == digests[1]:
        return ["the same script"]
    texts = []
    for digest in digests:
        path = work.locate_source(digest)
        if not path.is_file():
            return [f"{path.relative_to(work.root)} is gone: only commits can be compared"]
        texts.append(_drop_config(path.read_text(encoding="utf-8")).splitlines())
    lines = list(difflib.unified_diff(texts[0], texts[1], n=1, lineterm=""))[2:]
    rest = len(lines) - _DIFF_LINES
    shown = lines[:_DIFF_LINES] or ["the same but for CONFIG"]
    return shown + ([f"... and {rest} lines more"] if rest > 0 else [])


def _drop_config(script: str) -> str:
    """A built kernel -> the same without hash and CONFIG block, which are compared separately."""
    script = re.sub(r"^# content sha256.*\n", "", script, flags=re.MULTILINE)
    return re.sub(r"^CONFIG(?:_\d)? = \{\n(    .*\n)*\}\n", "", script, flags=re.MULTILINE)


def _find_push(work: Workspace, text: str) -> dict[str, Any]:
    ref, version = work.choose_version(text)
    push = work.find_push(ref, version)
    if push is None:
        raise InputError(
            "runs",
            "the ledger knows no such push",
            got=f"{ref} version {version}",
            cure="python build.py runs lists all",
        )
    return push


def _settle(work: Workspace) -> None:
    """Look up pending pushes on Kaggle, or print why that is impossible."""
    try:
        with explain_missing("push", "Kaggle cannot be asked, for a package is not installed"):
            from lib.kaggle.settle import settle_all  # requests is slow to import

            settle_all(work)
    except InputError as error:
        log("push", f"whether it arrived is not known yet: {error.what}, got {error.got}")
        log("push", f"cure: {add_entry_to(error.cure, work.entry)}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_entry(parser)
    find_group(parser, KAGGLE).add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="what differs between two versions"
    )
    find_group(parser, OUTPUT).add_argument(
        "--json", action="store_true", help="print JSON; keys: docs/BOARD.md"
    )
    words = "all that is known of them: csv on stdout, or as runs into trackio"
    find_group(parser, OUTPUT).add_argument("--export", metavar="FORM", help=words)


def _check_export(options: argparse.Namespace) -> None:
    if options.export is None:
        return
    if options.export not in EXPORTS:
        cure = nearest_name(options.export, EXPORTS)
        raise InputError("runs", f"there is no form {options.export!r}", cure=cure)
    if options.json or options.diff:
        cure = "leave out one of both"
        raise InputError("runs", "--export goes with neither --json nor --diff", cure=cure)


@name_entry
def _run(options: argparse.Namespace) -> int:
    _check_export(options)
    work = open_workspace(options)
    with contextlib.redirect_stdout(sys.stderr if options.json or options.export else sys.stdout):
        if not is_settled(work.read_ledger(tell=True)):
            _settle(work)
    if options.json:
        found: Any = find_differences(work, *options.diff) if options.diff else None
        print(json.dumps(found or list_rows(work), indent=1))
    elif options.export == CSV:
        print(export_csv(list_rows(work)), end="")
    elif options.export:
        export_to_trackio(work)
    else:
        print(compare_runs(work, *options.diff) if options.diff else list_runs(work))
    return 0


RUNS = Command(
    "runs",
    "list every push with its scores, best first",
    _add_options,
    _run,
    (
        ("runs", "all pushes from here"),
        ("runs --diff 3 5", "what differs between two versions"),
        ("runs --export csv", "all that is known, for a spreadsheet"),
        ("runs --export trackio", "the same and curves, for trackio"),
    ),
)
