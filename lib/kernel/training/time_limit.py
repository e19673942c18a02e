"""The time limit of a training, and the error of one that ends before its first step."""

import math
from dataclasses import dataclass

from lib.base.errors import PipelineError


class NoStepError(PipelineError):
    """Training ended before its first step: there is nothing to draw from."""


@dataclass(frozen=True)
class TimeLimit:
    """The times at which a training ends that no number of steps ends."""

    train_seconds: float  # optimiser time alone, s; math.inf: no bound
    deadline: float = math.inf  # a value of time.monotonic(), for all work in training
    pause_at: float = 1.0  # share of the steps or seconds after which a trial pauses
