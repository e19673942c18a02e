"""Runs of the ledger -> runs of trackio: their names, settings, numbers and curves."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.commands.all_runs.collect import read_score
from lib.commands.all_runs.row import show_line
from lib.commands.on_kaggle.training_history import Step
from lib.kaggle.runs_table import Run, read_number

_SCORES = ("public", "private")  # texts of Kaggle, or numbers
_NUMBERS = (
    *("minutes", "place", "teams", "fid", "floor", "fid_held_out", "floor_half"),
    "fid_per_floor",
)
# Not settings: what stands elsewhere, and what depends on other runs or on this machine.
_NO_SETTINGS = (
    *("name", "kind", "when", "time", "event", "config", "metrics", "folder", "verdict"),
    *("differs", "differs_from", "comparison", "variants", "push_id", "same_as"),
)
_LONGEST = 1000  # letters of a setting
_MARK = "kernelpress"  # begins the ids of the runs that are ours
Scalar = str | bool | int | float


@dataclass(frozen=True)
class Told:
    """What is known of one version, or of one of its variants."""

    run: Run
    facts: Mapping[str, Any]  # its object in `runs --json`
    steps: Sequence[Step] = ()


@dataclass(frozen=True)
class TrackioRun:
    """One run as trackio is to hold it."""

    name: str
    place: str  # the kernel, version and variant, and when it was pushed
    when: str  # ISO 8601; "": unknown
    config: Mapping[str, Scalar]
    values: Mapping[str, float]
    steps: Sequence[Step]

    @property
    def origin(self) -> str:
        """How the ids begin that this run has had, whatever was known of it."""
        return f"{_MARK}-{_hash(self.place)}-"

    @property
    def id(self) -> str:
        """Its id: another one as soon as anything about it has changed."""
        known = [self.name, self.when, self.config, self.values, self.steps]
        return self.origin + _hash(json.dumps(known, sort_keys=True))

    @property
    def rows(self) -> list[Step]:
        """The steps of its training, then its results, at the last one of them."""
        last = self.steps[-1][0] if self.steps else 0
        return [*self.steps, (last, dict(self.values))]


def describe_runs(told: Iterable[Told], main: str) -> list[TrackioRun]:
    """(what is known of each run, the project's kernel) -> runs of trackio, the latest first.

    Two versions of one number, of a kernel that was made anew, have names of their own.
    """
    runs, taken = [], set()
    for each in sorted(told, key=lambda each: each.run.when, reverse=True):
        run = each.run
        when = _read_time(run.when)
        name = _name(run, main)
        if name in taken:
            name = f"{name} of {when[:19]}"
        taken.add(name)
        place = json.dumps([run.ref, run.version, run.name, run.when])
        config = {**list_config(each), **({"_Created": when} if when else {})}
        runs.append(TrackioRun(name, place, when, config, list_values(each), each.steps))
    return runs


def list_values(told: Told) -> dict[str, float]:
    """What is known of a run -> its numbers by name; what is no finite number is left out."""
    facts = told.facts
    found = {name: read_number(facts.get(name)) for name in _NUMBERS}
    found |= _split_columns(facts)[0]
    found |= {name: read_score(str(facts.get(name))) for name in _SCORES}
    return {name: value for name, value in found.items() if value is not None}


def list_config(told: Told) -> dict[str, Scalar]:
    """What is known of a run -> its settings: the configuration key by key, then all else."""
    facts, push = told.facts, told.run.push
    own = facts.get("config") or push.get("config")
    known: dict[str, Any] = {**(own if isinstance(own, Mapping) else {})}
    for each in (push, facts):
        known |= {
            name: value
            for name, value in each.items()
            if name not in (*_NO_SETTINGS, *_SCORES, *_NUMBERS) and value is not None
        }
    known |= {"ref": told.run.ref, "version": told.run.version, **_split_columns(facts)[1]}
    config = {}
    for name, value in known.items():
        key, shown = show_line(str(name)).lstrip("_"), _show(value)  # "_" begins trackio's own
        if key and shown is not None and shown != "":
            config[key] = shown
    return config


def _split_columns(facts: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """The facts of a run -> its project's columns: those that are numbers, and the others."""
    columns = facts.get("metrics")
    numbers: dict[str, float] = {}
    others: dict[str, Any] = {}
    for name, value in columns.items() if isinstance(columns, Mapping) else ():
        key = show_line(name if name not in facts else f"metrics.{name}")
        number = None if isinstance(value, bool) else read_number(value)
        if number is None:
            others[key] = value
        else:
            numbers[key] = number
    return numbers, others


def _name(run: Run, main: str) -> str:
    """A Run -> its version and variant, and the kernel where it is not the project's."""
    kernel = () if run.ref == main else (run.ref.split("/")[1],)
    return show_line("/".join([*kernel, f"v{run.version}", *([run.name] if run.name else [])]))


def _show(value: Any) -> Scalar | None:
    """A JSON value -> what trackio can group runs by: a list becomes a text; None for none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):  # a bool, too
        return value if abs(value) < 1 << 63 else str(value)[:_LONGEST]
    if isinstance(value, (list, tuple)):
        if not any(isinstance(each, (list, tuple, dict)) for each in value):
            return ", ".join(str(shown) for each in value if (shown := _show(each)) is not None)
    elif value is None or isinstance(value, str):
        return None if value is None else show_line(value[:_LONGEST])
    return show_line(json.dumps(value, sort_keys=True)[:_LONGEST])


def _read_time(text: str) -> str:
    """A time of the ledger -> itself; "" where it is none."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
