"""What training may take -> what it made: the two ends of every training loop."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from lib.base.errors import PipelineError
from lib.kernel.config import Config


class NoStepError(PipelineError):
    """Training ended before its first step: there is nothing to draw from."""


@dataclass(frozen=True)
class TimeLimit:
    """What training may take."""

    train_seconds: float  # optimiser time alone, s; math.inf: no bound
    deadline: float = math.inf  # a value of time.monotonic() that nothing may pass
    pause_at: float = 1.0  # share of the steps or seconds after which to pause, for a trial


@dataclass(frozen=True)
class TrainResult:
    """What training made."""

    checkpoint: Path  # a model file for sample_images
    history: list[dict[str, float]]  # step, epoch, seconds, losses by name, fid where measured
    images_per_s: float  # training images through the critic or model, per optimiser second
    chosen: str  # which weights, and why
    epoch: int  # the chosen one, from 1
    steps: int  # optimiser steps behind the chosen weights
    config: Config  # of the recipe that was trained, its sizes settled
    judged: dict[str, float]  # images, seconds and path error of FIDs in training; empty: none
    trials: dict[str, float] = field(default_factory=dict)  # of recipe auto: candidate -> FID
