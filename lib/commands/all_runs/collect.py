"""The ledger, and the folders below runs/ and build/ -> all runs as rows, best first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.commands.all_runs.comparison import compare
from lib.commands.all_runs.find_folders import find_folders
from lib.commands.all_runs.read_folder import (
    FolderFacts,
    NoRunError,
    read_config,
    read_folder,
    read_number,
    read_text,
    read_whole,
)
from lib.commands.all_runs.row import KAGGLE, LOCAL, UNFINISHED, RunRow, show_line, show_path
from lib.kaggle.runs_table import Run, fold_events
from lib.kaggle.workspace import Workspace
from lib.kernel.configuration.config import RANDOM_WEIGHTS, as_dict
from lib.kernel.configuration.configure import differences
from lib.kernel.recipes.auto.preset import AUTO_PRESET
from lib.kernel.recipes.table import make_config

_FACTS = ("machine_shape", "commit")  # compared beside the configuration
_LONGEST = 300  # letters of a difference
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")


@dataclass(frozen=True)
class Collected:
    """All runs, and what else was found."""

    rows: tuple[RunRow, ...]  # best first
    notes: tuple[str, ...]  # a line for each file or folder that was left out


def collect_runs(work: Workspace) -> Collected:
    """Read the ledger and all folders that hold a run's output."""
    notes: list[str] = []
    folders = dict(_read_folders(work.root, notes))
    in_time = _sort_by_time(work.read_ledger())
    places = [(work.locate_run(run.ref, run.version) / run.name, run) for run in in_time]
    latest = dict(places)
    rows = []
    for path, run in places:
        facts = folders.pop(path, None) if latest[path] is run else None
        rows.append(_make_kaggle_row(run, facts, path.relative_to(work.root)))
    rows += [_make_local_row(path.relative_to(work.root), facts) for path, facts in folders.items()]
    rows.sort(key=lambda row: row.when or "")
    told = [_add_comparisons(row, rows[:place]) for place, row in enumerate(rows)]
    return Collected(tuple(sorted(told, key=lambda row: row.rank)), tuple(notes))


def _sort_by_time(events: Sequence[dict[str, Any]]) -> list[Run]:
    """Events of the ledger -> its runs in the order in which they were pushed."""
    lines = {id(event): number for number, event in enumerate(events)}  # a second has many pushes

    def find_place(run: Run) -> tuple[str, int]:
        return str(run.push.get("time", "")), lines.get(id(run.push), len(lines))

    return sorted(fold_events(events), key=find_place)


def _read_folders(root: Path, notes: list[str]) -> list[tuple[Path, FolderFacts]]:
    """Read each folder that holds a run; add a line for each whose files are of none."""
    found = []
    for folder in find_folders(root, notes):
        try:
            found.append((folder, read_folder(folder)))
        except NoRunError as error:
            notes.append(f"{show_path(folder.relative_to(root))}: {error}, left out")
    return found


def _make_kaggle_row(run: Run, facts: FolderFacts | None, folder: Path) -> RunRow:
    """(a push in the ledger, what its fetched files say or None, their place) -> its row."""
    push = run.push
    config = read_config(push.get("config")) or (facts.config if facts else None)
    of_folder = _read_facts(facts, config) if facts else _read_config(config or {})
    overrides, is_random = push.get("overrides"), run.metrics.get("random_weights")
    own: dict[str, Any] = {
        "minutes": run.minutes,
        "public": read_score(run.public),
        "private": read_score(run.private),
        "place": run.place,
        "teams": run.teams,
        "submission": _describe_submission(run),
        "fid": run.read("fid"),
        "floor": run.read("floor"),
        "recipe": read_text(push.get("recipe")),
        "random_weights": is_random if isinstance(is_random, bool) else None,
        "commit": read_text(push.get("commit")),
        "machine_shape": read_text(push.get("machine_shape")),
        "bundle_sha256": read_text(push.get("bundle_sha256")),
        "overrides": tuple(map(str, overrides)) if isinstance(overrides, list) else (),
    }
    return RunRow(
        show_line("/".join(filter(None, [run.ref.split("/")[1], f"v{run.version}", run.name]))),
        KAGGLE,
        show_line(run.status),
        when=read_text(push.get("time")),
        config=config,
        folder=folder if facts else None,
        run=run,
        **_merge(of_folder, own),
    )


def _make_local_row(folder: Path, facts: FolderFacts) -> RunRow:
    """(a folder below the root, what its files say) -> its row."""
    return RunRow(
        show_path(folder),
        LOCAL,
        "COMPLETE" if facts.is_complete else UNFINISHED,
        when=facts.when,
        config=facts.config,
        folder=folder,
        bundle_sha256=read_text(facts.find("bundle_sha256")),
        **_read_facts(facts, facts.config),
    )


def _read_facts(facts: FolderFacts, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """(what a run's files say, its configuration) -> fields of its row by name."""
    is_random = facts.find("random_weights")
    own = {
        "competition": read_text(facts.find("competition")),
        "recipe": read_text(facts.find("recipe")),
        "trained": read_text(facts.metrics.get("trained")),
        "fid": read_number(facts.metrics.get("fid")),
        "floor": read_number(facts.metrics.get("floor")),
        "fid_held_out": read_number(facts.metrics.get("fid_held_out")),
        "floor_half": read_number(facts.metrics.get("floor_half")),
        "random_weights": is_random if isinstance(is_random, bool) else None,
        "minutes": facts.minutes,
        "samples": read_whole(facts.find("samples")),
        "seed": read_whole(facts.find("seed")),
        "data_sha256": read_text(facts.manifest.get("data_sha256")),
        "weights_sha256": read_text(facts.find("weights_sha256")),
        "verdict": facts.verdict,
    }
    return _merge(_read_config(config or {}), own)


def _merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings -> one of both; where both know a value, the second one's counts."""
    return {**first, **{key: value for key, value in second.items() if value is not None}}


def _read_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration -> fields of a row that it decides, by name."""
    is_random = config.get("weights_file") == RANDOM_WEIGHTS
    return {
        "competition": read_text(config.get("competition")),
        "recipe": read_text(config.get("recipe")),
        "random_weights": is_random if "weights_file" in config else None,
        "samples": read_whole(config.get("samples")),
        "seed": read_whole(config.get("seed")),
        "weights_sha256": read_text(config.get("weights_sha256")),
    }


def read_score(text: str) -> float | None:
    """A score as Kaggle writes it -> the number, or None where it is none."""
    try:
        return read_number(float(text))
    except ValueError:
        return None


def _describe_submission(run: Run) -> str | None:
    if run.public == "error":
        return "error"
    if run.submission == "UNSETTLED":
        return "unsettled"
    return "scored" if run.public or run.private else None


def _add_comparisons(row: RunRow, earlier: Sequence[RunRow]) -> RunRow:
    """(a row, those before it in time) -> the row with what differs and how it compares."""
    differs, other = _find_differences(row, earlier)
    comparison = compare(row, earlier)
    return replace(row, differs=differs, differs_from=other, comparison=comparison)


def _find_differences(
    row: RunRow, earlier: Sequence[RunRow]
) -> tuple[tuple[str, ...] | None, str | None]:
    """(a row, those before it) -> what differs from the last of its kind, and that one's name."""
    if row.config is None:
        return None, None
    peers = [
        each
        for each in earlier
        if each.config and (each.competition, each.recipe) == (row.competition, row.recipe)
    ]
    if not peers:
        return _differ_from_defaults(row), f"the defaults of recipe {row.recipe}"
    other = peers[-1]
    changed = _tell_differences(row.config, other.config or {})
    if row.kind == other.kind == KAGGLE:
        own, others = ({name: getattr(each, name) for name in _FACTS} for each in (row, other))
        changed += differences(own, others)
    if not changed and row.bundle_sha256 != other.bundle_sha256:
        changed.append("code: another script of the same configuration")
    return tuple(map(_shorten, changed)), other.name


def _differ_from_defaults(row: RunRow) -> tuple[str, ...] | None:
    """A row -> what differs from its recipe's defaults; None where these are unknown."""
    config = row.config or {}
    try:
        usual = as_dict(make_config(str(row.recipe), {}, str(row.competition)))
    except InputError:
        return None
    return tuple(map(_shorten, _tell_differences(config, usual)))


def _tell_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Two configurations -> what differs, without the list of keys that were given."""
    told = differences(one, other, AUTO_PRESET)
    return [line for line in told if not line.startswith("given:")]


def _shorten(text: str) -> str:
    """A text -> one line of it: hashes are cut, and what is longer than anyone reads."""
    told = _HASH.sub(r"\1...", text[: 2 * _LONGEST])
    return show_line(told if len(told) <= _LONGEST else f"{told[:_LONGEST]}...")
