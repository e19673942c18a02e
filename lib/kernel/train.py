"""Images and a budget -> trained weights, their history, and what a public recipe leaves behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib.kernel.budget import Budget, TrainResult
from lib.kernel.config import Config
from lib.kernel.errors import PipelineError
from lib.kernel.halving import train_best
from lib.kernel.learner import Learner
from lib.kernel.likelihood import PixelLearner
from lib.kernel.r3gan import R3ganLearner
from lib.kernel.recipes import AUTO
from lib.kernel.runtime import Device
from lib.kernel.sample import sample_images
from lib.kernel.snapshots import Snapshots
from lib.kernel.training_loop import TrainingLoop
from lib.kernel.wgan import WganLearner

__all__ = ["Budget", "TrainResult", "train"]

_LEARNERS: dict[str, type[Learner]] = {
    "first-seed": WganLearner,
    "second-seed": WganLearner,
    "pixel": PixelLearner,
    "r3gan": R3ganLearner,
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

    `evaluate` is the FID of (n, C, 32, 32) uint8 samples, by which an epoch or, in recipe auto, a
    recipe is chosen. `leave` takes what a public recipe leaves behind.
    """

    def train_one(own: Config, folder: Path, part: Budget) -> TrainResult:
        device.team.tell("learn", own, images)
        learner = build_learner(images, own, device)
        snapshots = Snapshots(own, leave, part.deadline, evaluate)
        try:
            return TrainingLoop(learner, folder, part, snapshots).run()
        finally:
            device.team.tell("end")

    def judge(result: TrainResult) -> float:
        if evaluate is None:
            raise PipelineError("auto", "nothing measures its candidates", cure="give `evaluate`")
        samples = sample_images(result.checkpoint, config.trial, result.config, device, "auto")
        return evaluate(samples)

    if config.recipe == AUTO:
        return train_best(images, config, work, budget, train_one, judge)
    return train_one(config, work, budget)


def build_learner(images: np.ndarray, config: Config, device: Device) -> Learner:
    """(N, C, 32, 32) uint8 and a recipe's Config -> its learner, weights as the seed has them."""
    return _LEARNERS[config.recipe](images, config, device)
