"""`build.py runs`: the ledger -> a table of all pushes, best first, or how two of them differ."""

import argparse
import difflib
import re
from typing import Any

from lib.base.errors import InputError
from lib.base.log import log
from lib.base.missing_packages import explain_missing
from lib.commands.options import Command
from lib.kaggle.ledger import list_pending
from lib.kaggle.runs_table import fold_events, format_runs
from lib.kaggle.workspace import ROOT, Workspace
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.configure import differences
from lib.kernel.recipes.auto.preset import AUTO_PRESET

_DIFF_LINES = 400


def list_runs(work: Workspace) -> str:
    """Read a workplace's ledger and return the table of its pushes."""
    runs = fold_events(work.read_ledger())
    if not runs:
        return "no push is recorded yet: python build.py push"
    return format_runs(runs)


def compare_runs(work: Workspace, one: str, other: str) -> str:
    """Return what differs between two versions in configuration and code."""
    first, second = (_find_push(work, text) for text in (one, other))
    lines = [f"--- {first['ref']} version {first['version']}"]
    lines += [f"+++ {second['ref']} version {second['version']}", "configuration"]
    facts = ("machine_shape", "commit")
    changed = differences({**_pick(first, facts)}, {**_pick(second, facts)})
    configs = [modernise_config(each.get("config") or {}) for each in (first, second)]
    changed += differences(configs[0], configs[1], AUTO_PRESET)
    lines += [f"  {line}" for line in changed] or ["  the same"]
    return "\n".join([*lines, "code", *_compare_code(work, first, second)])


def _pick(push: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: push.get(name) for name in names}


def _compare_code(work: Workspace, first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    digests = [str(push.get("source_sha256")) for push in (first, second)]
    if digests[0] == digests[1]:
        return ["  the same script"]
    texts = []
    for digest in digests:
        path = work.locate_source(digest)
        if not path.is_file():
            return [f"  {path.relative_to(work.root)} is gone: only commits can be compared"]
        texts.append(_drop_config(path.read_text(encoding="utf-8")).splitlines())
    lines = list(difflib.unified_diff(texts[0], texts[1], n=1, lineterm=""))[2:]
    rest = len(lines) - _DIFF_LINES
    shown = [f"  {line}" for line in lines[:_DIFF_LINES]] or ["  the same but for CONFIG"]
    return shown + ([f"  ... and {rest} lines more"] if rest > 0 else [])


def _drop_config(script: str) -> str:
    """A built kernel -> the same without hash and CONFIG block, which are compared separately."""
    script = re.sub(r"^# content sha256.*\n", "", script, flags=re.MULTILINE)
    return re.sub(r"^CONFIG = \{\n(    .*\n)*\}\n", "", script, flags=re.MULTILINE)


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
            from lib.kaggle.push_records import settle_pushes  # requests is slow to import

            settle_pushes(work)
    except InputError as error:
        log("push", f"whether it arrived is not known yet: {error.what}, got {error.got}")
        log("push", f"cure: {error.cure}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="what differs between two versions"
    )


def _run(options: argparse.Namespace) -> int:
    work = Workspace(ROOT)
    if list_pending(work.read_ledger(tell=True)):
        _settle(work)
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
    ),
)
