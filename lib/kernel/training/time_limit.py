"""What training may take, and the error of taking nothing."""

import math
from dataclasses import dataclass

from lib.base.errors import PipelineError


class NoStepError(PipelineError):
    """Training ended before its first step: there is nothing to draw from."""


@dataclass(frozen=True)
class TimeLimit:
    """What ends a training that no number of steps ends."""

    train_seconds: float  # optimiser time alone, s; math.inf: no bound
    deadline: float = math.inf  # a value of time.monotonic() that nothing may pass
    pause_at: float = 1.0  # share of the steps or seconds after which to pause, for a trial
