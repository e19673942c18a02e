"""Images and a budget -> trained weights, their history, and what a public recipe leaves behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib.kernel.config import Config
from lib.kernel.learner import Learner
from lib.kernel.likelihood import PixelLearner
from lib.kernel.runtime import Device
from lib.kernel.snapshots import Snapshots
from lib.kernel.training_loop import Budget, TrainingLoop, TrainResult
from lib.kernel.wgan import WganLearner

__all__ = ["Budget", "TrainResult", "train"]

_LEARNERS: dict[str, type[Learner]] = {
    "first-seed": WganLearner,
    "second-seed": WganLearner,
    "pixel": PixelLearner,
}


def train(
    images: np.ndarray,
    config: Config,
    device: Device,
    work: Path,
    leave: Path,
    budget: Budget,
    evaluate: Callable[[np.ndarray], float] | None = None,
) -> TrainResult:
    """(N, C, 32, 32) uint8, C = 1 or 3 -> a model file in `work`; the same call again resumes.

    `evaluate` is the FID of (n, C, 32, 32) uint8 samples, asked for after each epoch where the
    recipe chooses its epoch by it. `leave` takes what a public recipe leaves behind.
    """
    learner = _LEARNERS[config.recipe](images, config, device)
    snapshots = Snapshots(config, leave, budget.deadline, evaluate)
    return TrainingLoop(learner, work, budget, snapshots).run()
