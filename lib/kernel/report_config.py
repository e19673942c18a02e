"""A Config as given and as used -> the keys with both values, for the report."""

from collections.abc import Mapping
from typing import Any

from lib.kernel.configuration.config import AUTOMATIC, Config, show_value
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.settings import show_settings
from lib.kernel.planning.plan import Plan
from lib.kernel.training.result import TrainResult


def list_settled(plan: Plan, ranks: int, result: TrainResult) -> dict[str, Any]:
    """(Plan, processes, result of training) -> key -> the value that the run found for "auto"."""
    judged = {"eval_samples": int(result.judged["images"])} if "images" in result.judged else {}
    facts = {"pool": plan.pool, "real_limit": plan.real, "ranks": ranks, "trial": plan.trial}
    return {**facts, **judged, "train_minutes": plan.train_s / 60}


def mark_settled(
    given: Config, preset: Preset, used: Config, found: Mapping[str, Any]
) -> dict[str, Any]:
    """(Config as given, its recipe, Config as used, list_settled) -> key -> value to show.

    A value that the run settled is shown as "auto, settled as 32". Where recipes competed, keys
    that the winner does not use are marked.
    """
    known = preset.find_candidate(used.recipe).keys
    marked = show_settings(given, preset)
    for name, before in marked.items():
        after = getattr(used, name) if name in known else before
        if before == AUTOMATIC and name in found:
            after = found[name]
        if name not in known and name not in found:
            marked[name] = f"{_write(before)}, not used by {used.recipe}"
        elif show_value(name, after) != before:
            marked[name] = f"{_write(before)}, settled as {_write(after)}"
    return marked


def _write(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
