"""The result of training: weights, their history, and how they were chosen."""

from dataclasses import dataclass, field

from lib.kernel.sampling.model_file import Model


@dataclass(frozen=True)
class TrainResult:
    """The result of a training."""

    model: Model  # the chosen weights
    history: list[dict[str, float]]  # step, epoch, seconds, losses by name, fid where measured
    images_per_s: float  # training images through the critic or model, per optimiser second
    chosen: str  # which weights, and why
    epoch: int  # of the chosen weights, from 1
    steps: int  # optimiser steps behind the chosen weights
    judged: dict[str, float]  # FIDs in training: images, seconds, path error; empty: none
    ended: str = ""  # why training ended
    rollbacks: int = 0  # to a checkpoint, after a loss or weight that was not finite
    gave_up: bool = False  # it diverged too often
    trials: dict[str, float] = field(default_factory=dict)  # candidate -> FID, where some competed
