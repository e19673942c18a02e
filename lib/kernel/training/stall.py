"""A training's history -> since when its validation FID no longer fell, and how long was enough.

Training does not stop early, because learning rates fall over the whole budget. But the next run
may be shorter.
"""

import math
from collections.abc import Mapping, Sequence

from lib.base.log import format_seconds

LEVEL = 0.05  # of the least FID: by so much FIDs of 1,000 to 2,000 samples differ by chance
LATEST = 0.7  # share of the training time: what begins later is no stall
_LEAST_POINTS = 4


def find_stall(history: Sequence[Mapping[str, float]], minutes: float | None) -> str:
    """(records with `seconds`, `step` and FIDs, minutes) -> a sentence, or "" for none.

    The FID has stalled if its running minimum came within LEVEL of the least FID before LATEST of
    the training time. `minutes` are those of a run that only they bound; for other runs (None) the
    sentence names no shorter time.
    """
    points = [
        (row["seconds"], row["step"], min(fids))
        for row in history
        if (fids := [value for key, value in row.items() if key.startswith("fid")])
    ]
    if len(points) < _LEAST_POINTS:
        return ""
    total_s = history[-1]["seconds"]
    least = min(fid for _, _, fid in points)
    seconds, step, fid = next(point for point in points if point[2] <= (1.0 + LEVEL) * least)
    if seconds > LATEST * total_s:
        return ""
    advice = ""
    if minutes is not None:
        enough = max(1, math.ceil(minutes - (total_s - seconds) / 60))
        advice = f"; --minutes {enough} would have done about as well"
    return (
        f"FID has stalled: {fid:.4g} at step {step:,.0f}, after {format_seconds(seconds)} of "
        f"{format_seconds(total_s)} of training, and {least:.4g} at the least since then{advice}"
    )
