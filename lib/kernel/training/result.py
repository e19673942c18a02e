"""What training made: weights, their history, and how they were chosen."""

from dataclasses import dataclass, field

from lib.kernel.sampling.model_file import Model


@dataclass(frozen=True)
class TrainResult:
    """What training made."""

    model: Model  # the chosen weights
    history: list[dict[str, float]]  # step, epoch, seconds, losses by name, fid where measured
    images_per_s: float  # training images through the critic or model, per optimiser second
    chosen: str  # which weights, and why
    epoch: int  # the chosen one, from 1
    steps: int  # optimiser steps behind the chosen weights
    judged: dict[str, float]  # images, seconds and path error of FIDs in training; empty: none
    trials: dict[str, float] = field(default_factory=dict)  # candidate -> FID, where some competed
