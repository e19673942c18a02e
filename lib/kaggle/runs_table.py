"""Events of the ledger -> all versions that it knows as Runs; lines of a table of some of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.base.tables import format_table
from lib.base.terminal import as_printable
from lib.kaggle.ledger import list_pending, replace_nan
from lib.kaggle.sweeps.packs import list_variants, narrow_push

# The keys of `runs --entry --json`, `watch --json` and `fetch --json`, in their order.
RUN_KEYS = (
    *("ref", "version", "variant", "status", "when", "label", "minutes", "metrics", "verified"),
    *("submission", "public", "private", "place", "teams"),
    *("machine_shape", "commit", "bundle_sha256"),
)
_TOLD = ("status", "fetch", "submitting", "submit", "unsubmitted", "score", "place")  # of a version
_MAKES_A_ROW = ("fetch", "submit", "score")  # also where the version was pushed elsewhere
_KERNEL = "kernel"  # the title of the column that names it
_GAP = 2  # spaces between two columns
# What an event of "fetch" held beside the columns, when these had no place of their own.
_BESIDE_COLUMNS = ("time", "event", "ref", "version", "status", "minutes", "bundle_sha256")


@dataclass
class Run:
    """What the ledger knows of one version; `push` is empty where it was pushed elsewhere."""

    ref: str
    version: int
    push: dict[str, Any]
    status: str = "PUSHED"
    name: str = ""  # of the variant, where several ran in the version
    minutes: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)  # the project's columns
    verified: bool | None = None  # False: no manifest of hashes came with its outputs
    submission: str = ""  # "" none, UNSETTLED, SUBMITTED, COMPLETE or ERROR
    public: str = ""
    private: str = ""
    place: int | None = None  # of the team on the leaderboard when this one had its score
    teams: int | None = None
    placed: str = ""  # the time of that

    @property
    def when(self) -> str:
        """The time of its push, or of its first event here."""
        return str(self.push.get("time", ""))

    @property
    def label(self) -> str:
        """What its project calls it."""
        return str(self.push.get("label") or "")

    def read(self, column: str) -> float | None:
        """The name of a column -> the number in it; None for anything else."""
        return read_number(self.metrics.get(column))

    def as_json(self) -> dict[str, Any]:
        """Return what is known of the version as JSON values, with RUN_KEYS as its keys."""
        own = {**vars(self), "variant": self.name or None, "when": self.when, "label": self.label}
        known = {**self.push, **own}
        return {key: replace_nan(known.get(key)) for key in RUN_KEYS}


@dataclass(frozen=True)
class Column:
    """One column of the table, and how it gives way where the lines are too long."""

    title: str
    cell: Callable[[Run], str]
    right: bool = False
    drop: int = 0  # the lowest is left out first; 0: never
    least: int = 0  # characters to which its cells may be cut; 0: they are not
    keeps_end: bool = False  # cut before its end, behind a slash if there is one


def fold_events(events: Sequence[dict[str, Any]]) -> list[Run]:
    """Events in the order of writing -> Runs, the latest first.

    A push that was cut off before Kaggle's answer has the status UNSETTLED. A version that was
    pushed elsewhere is there once it was fetched or submitted here.
    """
    pending = [run for event in list_pending(events) for run in _make_runs(event, "UNSETTLED")]
    runs: list[Run] = []
    latest: dict[tuple[str, int], list[Run]] = {}  # one, or one for each variant
    earlier: dict[tuple[str, int], list[dict[str, Any]]] = {}  # of versions without a row so far
    for event in events:
        key, name = (event["ref"], event["version"]), event["event"]
        if name == "push":  # versions of a kernel created anew count from one again
            begun = "SAVED" if event.get("saved_only") is True else "PUSHED"
            latest[key] = _make_runs(event, str(event.get("status") or begun))
            runs += latest[key]
        elif name == "delete":  # a kernel goes with all its versions
            for run in runs:
                if run.ref == event["ref"]:
                    run.status = str(event.get("status") or "DELETED")
        elif key in latest and name in _TOLD:
            for run in latest[key]:
                _fold(run, event)
        elif name in _TOLD:
            earlier.setdefault(key, []).append(event)
            if name in _MAKES_A_ROW:
                run = Run(*key, push={"time": earlier[key][0].get("time", "")})
                latest[key] = [run]
                runs.append(run)
                for told in earlier.pop(key):
                    _fold(run, told)
    runs = [*reversed(runs), *reversed(pending)]  # within a second the later ones first, too
    return sorted(runs, key=lambda run: run.when, reverse=True)


def _make_runs(push: dict[str, Any], status: str) -> list[Run]:
    """A push -> its Run, or one for each of its variants."""
    where, names = (push["ref"], push["version"]), list_variants(push) or [""]
    return [Run(*where, narrow_push(push, name), status, name) for name in names]


def rank_runs(runs: Sequence[Run], best: str, column: str = "") -> list[Run]:
    """Order Runs by public score, then by a column; without `best` the latest come first.

    `best` is "low" or "high"; "" leaves the order as it is.
    """
    if not best:
        return list(runs)
    sign = -1.0 if best == "high" else 1.0

    def place(value: float | None) -> float:
        return math.inf if value is None else sign * value

    return sorted(runs, key=lambda run: (place(_read(run.public)), place(run.read(column))))


def format_runs(runs: Sequence[Run], columns: Sequence[Column], width: int) -> str:
    """(Runs, the columns to show, characters of a line) -> the table of `build.py runs`.

    Columns are left out, empty ones first, then cut, until the lines fit; a last line names them.
    """
    shown = list(columns)
    cells = [[as_printable(column.cell(run)) for run in runs] for column in columns]
    gone = []
    while _measure(shown, cells, cut=True) > width:
        worst = _find_worst(shown, cells)
        if worst is None:
            break
        title, texts = shown.pop(worst).title, cells.pop(worst)
        gone.append(f"{title} {texts[0]}" if title == _KERNEL else title)
    excess = _measure(shown, cells, cut=False) - width
    for place, column in enumerate(shown):
        longest = _widest(column, cells[place])
        if excess > 0 and column.least:
            room = max(column.least, longest - excess)
            excess -= max(0, longest - room)
            cells[place] = [_cut(cell, room, column.keeps_end) for cell in cells[place]]
    rows = [[column.title for column in shown], *map(list, zip(*cells, strict=True))]
    right = [place for place, column in enumerate(shown) if column.right]
    table = format_table(rows, right=right)
    if gone:
        table += f"\nnot shown in {width} columns, but by --json: {', '.join(gone)}"
    if any(run.push.get("changed") for run in runs) and "commit" not in gone:
        table += "\n+ after a commit: pushed with changes that are in no commit"
    return table + _tell_place(runs)


def _tell_place(runs: Sequence[Run]) -> str:
    """Runs -> a line with the latest place on the leaderboard; "" where none is known."""
    known = [run for run in runs if run.place is not None]
    if not known:
        return ""
    run = max(known, key=lambda run: run.placed)
    teams = f" of {run.teams}" if run.teams else ""
    version = f"{run.ref.split('/')[1]}/{show_version(run)}"
    return f"\nplace on the leaderboard after {version}: {run.place}{teams}"


def _find_worst(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> int | None:
    """Columns and their cells -> the place of the one to leave out first; None where none may be.

    The kernel's name stays where it tells lines apart.
    """
    ranks = {
        place: (set(texts) != {"-"}, column.drop)
        for place, (column, texts) in enumerate(zip(columns, cells, strict=True))
        if column.drop and (column.title != _KERNEL or len(set(texts)) == 1)
    }
    return min(ranks, key=lambda place: ranks[place], default=None)


def show_number(value: float | None) -> str:
    """A number -> it with three decimals, below one with four digits that count; "-" for None."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"


def read_number(value: Any) -> float | None:
    """A number, or an object with its mean -> the number; None for anything else."""
    if isinstance(value, dict):
        value = value.get("mean")
    return _read(value) if isinstance(value, (int, float)) else None


def list_columns(names: Sequence[str]) -> list[Column]:
    """The columns of a project -> those of its table."""
    described = [
        Column(_KERNEL, lambda run: run.ref.split("/")[1], drop=4, least=16, keeps_end=True),
        Column("version", show_version, right=True, least=18, keeps_end=True),
        Column("commit", show_commit, drop=2),
        Column("bundle", lambda run: str(run.push.get("bundle_sha256", ""))[:8] or "-", drop=1),
        Column("label", lambda run: run.label or "-", drop=3, least=12),
        Column("status", lambda run: run.status),
        Column("minutes", lambda run: "-" if run.minutes is None else f"{run.minutes:.1f}", True),
    ]
    for name in names:
        described.append(Column(name, _show_metric(name), right=True, drop=5))
    return [*described, *SCORES]


def show_version(run: Run) -> str:
    """A Run -> its version's number, and behind a slash its variant's name."""
    return f"{run.version}/{run.name}" if run.name else str(run.version)


def show_commit(run: Run) -> str:
    """A Run -> the first digits of its commit, and a plus where more was pushed; "-" for none."""
    dirty = "+" if run.push.get("changed") else ""
    return f"{str(run.push.get('commit') or '')[:7]}{dirty}" or "-"


def show_score(run: Run) -> str:
    """A Run -> its public score, or in words how far its submission came."""
    if run.public:
        return run.public
    return "-" if run.submission in ("", "COMPLETE") else run.submission.lower()


SCORES = (
    Column("public", show_score, right=True),
    Column("private", lambda run: run.private or "-", right=True, drop=6),
)


def _show_metric(name: str) -> Callable[[Run], str]:
    def show(run: Run) -> str:
        value = run.metrics.get(name)
        number = run.read(name)
        if number is None or isinstance(value, bool):
            return str(value)[:20] if isinstance(value, (str, bool)) and value != "" else "-"
        return str(value) if isinstance(value, int) else show_number(number)

    return show


def _fold(run: Run, event: dict[str, Any]) -> None:
    name, variant = event["event"], event.get("variant")
    if run.name and variant not in (None, run.name):
        return
    if not (run.name and variant is None and run.status == "ERROR"):
        run.status = str(event.get("status") or run.status)  # a pack is COMPLETE, one may fail
    run.minutes = read_number(event.get("minutes")) or run.minutes
    if name == "fetch":
        metrics = event.get("metrics")
        if not isinstance(metrics, dict):
            metrics = {key: event[key] for key in event if key not in _BESIDE_COLUMNS}
        run.metrics |= metrics
        run.verified = event.get("verified") is not False
    run.public = str(event.get("public") or run.public)
    run.private = str(event.get("private") or run.private)
    if name == "place":
        run.place, run.teams = _read_count(event.get("place")), _read_count(event.get("teams"))
        run.placed = str(event.get("time", ""))
    if name == "submitting":
        run.submission = run.submission or "UNSETTLED"
    elif name == "unsubmitted":
        run.submission = "" if run.submission == "UNSETTLED" else run.submission
    elif name == "submit":
        run.submission = "SUBMITTED"
    elif name == "score":
        run.submission = str(event.get("result") or "COMPLETE")
        if run.submission == "ERROR":
            run.public = run.public or "error"


def _read_count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _measure(columns: Sequence[Column], cells: Sequence[Sequence[str]], cut: bool) -> int:
    """Columns and their cells -> the characters of a line, at least where `cut`."""
    widths = []
    for column, texts in zip(columns, cells, strict=True):
        longest = _widest(column, texts)
        widths.append(min(longest, column.least) if cut and column.least else longest)
    return sum(widths) + _GAP * (len(widths) - 1)


def _widest(column: Column, cells: Sequence[str]) -> int:
    return max([len(column.title), *map(len, cells)])


def _cut(text: str, room: int, keeps_end: bool) -> str:
    if len(text) <= room:
        return text
    if not keeps_end:
        return f"{text[: room - 3]}..."
    head = text[: text.find("/") + 1]
    return f"{head}...{text[len(text) - room + len(head) + 3 :]}"


def _read(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
