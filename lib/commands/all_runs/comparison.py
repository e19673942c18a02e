"""A run and those before it -> whether its FID is better than the best comparable one's.

FIDs are comparable where both measure the same: pictures against the same data, as many of them,
by the same features. Where a fact is unknown, it is taken to be the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.commands.all_runs.row import RunRow

_ALIKE = 0.005  # FIDs that differ by a smaller share are called equal
_SAME_FLOOR = 0.1  # floors that differ by a larger share belong to different measurements
# What must be the same, and what is said where it is not.
_TERMS = (
    ("competition", "another competition"),
    ("data_sha256", "other data"),
    ("weights_sha256", "features of other weights"),
    ("samples", "another number of pictures"),
)
_CONFIG_TERMS = (
    ("preprocessing", "another preprocessing"),
    ("image_px", "pictures of another side"),
)


@dataclass(frozen=True)
class Comparison:
    """How a run stands beside those before it."""

    state: str  # better, worse, equal; first: nothing to compare with; none: cannot be compared
    words: str
    best: str | None = None  # the name of the best comparable run before
    percent: float | None = None  # by which FID is lower than the best one's; below 0: higher
    earlier: int = 0  # comparable runs before

    @property
    def short(self) -> str:
        """A few words for a table's cell."""
        if self.percent is None or self.state == "equal":
            return {"equal": "equal", "first": "first"}.get(self.state, "-")
        return f"{abs(self.percent):.0f} % {self.state}"


def compare(run: RunRow, earlier: Sequence[RunRow]) -> Comparison:
    """(a run, those before it) -> its Comparison with the best of those that are comparable."""
    if run.fid is None:
        return Comparison("none", "not compared: it has no FID")
    if run.random_weights:
        words = "not compared: its features came from random weights, so its FID means nothing"
        return Comparison("none", words)
    measured = [each for each in earlier if each.fid is not None]
    reasons = [find_obstacle(run, each) for each in measured]
    peers = [each for each, reason in zip(measured, reasons, strict=True) if not reason]
    left = _tell_left_out(Counter(reason for reason in reasons if reason))
    told = f"FID {run.fid:.4g}{_tell_floor(run)}"
    if not peers:
        return Comparison("first", f"{told}; no comparable run before{left}")
    best = min(peers, key=lambda each: each.fid or 0.0)
    assert best.fid is not None
    share = (best.fid - run.fid) / best.fid if best.fid > 0 else 0.0
    is_alike = abs(share) < _ALIKE
    state = "equal" if is_alike else "better" if share > 0 else "worse"
    by = "as good" if is_alike else f"{state} by {abs(share) * 100:.0f} %"
    words = f"{told}; {_tell_best(run, best, len(peers))}: {by}{left}"
    return Comparison(state, words, best.name, round(share * 100, 1), len(peers))


def find_obstacle(one: RunRow, other: RunRow) -> str:
    """Two runs -> why their FIDs are not comparable, or "" where they are."""
    if other.random_weights:
        return "random weights"
    for name, words in _TERMS:
        if _differ(getattr(one, name), getattr(other, name)):
            return words
    for name, words in _CONFIG_TERMS:
        if _differ((one.config or {}).get(name), (other.config or {}).get(name)):
            return words
    if one.floor and other.floor:
        low, high = sorted((one.floor, other.floor))
        if low <= 0 or high / low > 1 + _SAME_FLOOR:
            return "another floor"
    return ""


def _differ(one: Any, other: Any) -> bool:
    """Tell whether two values are known and differ; a hash may be given by its beginning alone."""
    if one is None or other is None:
        return False
    if isinstance(one, str) and isinstance(other, str):
        return not (one.startswith(other) or other.startswith(one))
    return bool(one != other)


def _tell_floor(run: RunRow) -> str:
    if run.multiple is None:
        return ""
    which = " on held-out real pictures" if run.multiple.is_held_out else ""
    return f", {run.multiple.times:.1f} times its floor{which}"


def _tell_best(run: RunRow, best: RunRow, count: int) -> str:
    """(a run, the best before, how many there are) -> the words that name the best one."""
    same_data = run.data_sha256 is not None and run.data_sha256 == best.data_sha256
    where = "on the same data" if same_data else "of the same competition"
    slug = run.name.rpartition("/")[0]
    is_version = best.kind == run.kind == "kaggle" and best.name.rpartition("/")[0] == slug
    name = best.name.rpartition("/")[2] if is_version else best.name
    who = f"({name}, {best.recipe})" if best.recipe else f"({name})"
    runs = "the one run before" if count == 1 else f"the best of {count} runs before"
    return f"{runs} {where} has {best.fid:.4g} {who}"


def _tell_left_out(reasons: Counter[str]) -> str:
    """(reason -> runs) -> "; not comparable: 2 (other data), 1 (random weights)", or ""."""
    told = ", ".join(f"{count} ({reason})" for reason, count in reasons.most_common())
    return f"; not comparable: {told}" if told else ""
