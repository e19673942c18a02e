"""Events of the ledger -> a table of all pushed versions, best first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.base.tables import format_table
from lib.kaggle.ledger import list_pending
from lib.kaggle.packs import list_variants, narrow_push

_TOLD = ("status", "fetch", "submit", "score", "delete")  # events about a pushed version


@dataclass
class Run:
    """What the ledger knows of one pushed version."""

    ref: str
    version: int
    push: dict[str, Any]
    status: str = "PUSHED"
    name: str = ""  # of the variant, where several ran in the version
    minutes: float | None = None
    fid: float | None = None
    floor: float | None = None
    public: str = ""
    private: str = ""
    random_weights: bool | None = None  # True: its FID means nothing

    @property
    def rank(self) -> tuple[float, float, str]:
        """The key to sort by: public score, then offline FID, then the latest first."""
        time = str(self.push.get("time", ""))
        newest_first = "".join(chr(0x10FFFF - ord(sign)) for sign in time)
        fid = None if self.random_weights else self.fid
        return _number(self.public), _number(fid), newest_first


def fold_events(events: Sequence[dict[str, Any]]) -> list[Run]:
    """Events in the order of writing -> Runs, best first, without versions pushed elsewhere.

    A push that was cut off before Kaggle's answer has the status UNSETTLED.
    """
    runs = [run for event in list_pending(events) for run in _make_runs(event, "UNSETTLED")]
    latest: dict[tuple[str, int], list[Run]] = {}
    for event in events:
        key = (event["ref"], event["version"])
        if event["event"] == "push":  # versions of a kernel created anew count from one again
            latest[key] = _make_runs(event, event.get("status") or "PUSHED")
            runs += latest[key]
        elif event["event"] in _TOLD:
            for run in latest.get(key, []):
                if event.get("variant", run.name) == run.name:
                    _fold(run, event)
    return sorted(runs, key=lambda run: run.rank)


def _make_runs(push: dict[str, Any], status: str) -> list[Run]:
    """A push -> its Run, or one for each of its variants."""
    where = (push["ref"], push["version"])
    return [
        Run(*where, narrow_push(push, name), status, name) for name in list_variants(push) or [""]
    ]


def format_runs(runs: Sequence[Run], beside: Sequence[str]) -> str:
    """(Runs, how each one's FID stands beside the best before) -> the table of `build.py runs`."""
    head = ["kernel", "version", "commit", "bundle", "recipe", "overrides", "status", "minutes"]
    head += ["FID", "floor", "against best before", "public", "private"]
    rows = [_list_cells(run, words) for run, words in zip(runs, beside, strict=True)]
    table = format_table([head, *rows], right=(1, 7, 8, 9, 10, 11, 12))
    if any(run.push.get("changed") for run in runs):
        table += "\n+ after a commit: pushed with changes that are in no commit"
    return table


def read_number(value: Any) -> float | None:
    """A number, or an object with its mean -> the number; None for anything else."""
    if isinstance(value, dict):
        value = value.get("mean")
    number = _number(value) if isinstance(value, (int, float)) else math.inf
    return number if math.isfinite(number) else None


def _fold(run: Run, event: dict[str, Any]) -> None:
    status = str(event.get("status") or run.status)
    # A version is COMPLETE although one of its variants failed.
    keeps = run.status == "ERROR" and status == "COMPLETE" and run.name and "variant" not in event
    run.status = run.status if keeps else status
    run.minutes = read_number(event.get("minutes")) or run.minutes
    run.fid = read_number(event["fid"]) if "fid" in event else run.fid
    run.floor = read_number(event["floor"]) if "floor" in event else run.floor
    if isinstance(is_random := event.get("random_weights"), bool):
        run.random_weights = is_random
    run.public = str(event.get("public") or run.public)
    run.private = str(event.get("private") or run.private)
    if event["event"] == "score" and event.get("result") == "ERROR":
        run.public = run.public or "error"


def _list_cells(run: Run, beside: str) -> list[str]:
    """(a Run, how its FID stands beside the best before) -> its line of the table."""
    push = run.push
    dirty = "+" if push.get("changed") else ""
    return [
        run.ref.split("/")[1],
        f"{run.version}/{run.name}" if run.name else str(run.version),
        f"{str(push.get('commit', ''))[:7]}{dirty}",
        str(push.get("bundle_sha256", ""))[:8],
        str(push.get("recipe", "")),
        " ".join(map(str, push.get("overrides") or [])) or "-",
        run.status,
        "-" if run.minutes is None else f"{run.minutes:.1f}",
        "-" if run.fid is None else f"{run.fid:.3f}",
        "-" if run.floor is None else f"{run.floor:.3f}",
        beside,
        run.public or "-",
        run.private or "-",
    ]


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.inf
    return number if math.isfinite(number) else math.inf
