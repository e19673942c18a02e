"""Images and a budget -> trained weights, their history, and what a public recipe leaves behind."""

import math
import time
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.kernel.config import Config
from lib.kernel.device.runtime import Device
from lib.kernel.metrics.yardstick import Yardstick
from lib.kernel.recipes.auto.halving import TrialsOverError, train_best
from lib.kernel.recipes.edm.edm import EdmLearner
from lib.kernel.recipes.pixel.likelihood import PixelLearner
from lib.kernel.recipes.r3gan.r3gan import R3ganLearner
from lib.kernel.recipes.table import AUTO
from lib.kernel.recipes.wgan_gp.wgan import WganLearner
from lib.kernel.sampling.drawing import count_drawn
from lib.kernel.sampling.sample import sample_images
from lib.kernel.training.budget import Budget, TrainResult
from lib.kernel.training.judge import Judge
from lib.kernel.training.learner import Learner
from lib.kernel.training.snapshots import Snapshots
from lib.kernel.training.training_loop import TrainingLoop

__all__ = ["Budget", "TrainResult", "train"]

_MARGIN = 1.2  # of the longest trial so far, for the next one
_LEARNERS: dict[str, type[Learner]] = {
    "first-seed": WganLearner,
    "second-seed": WganLearner,
    "pixel": PixelLearner,
    "r3gan": R3ganLearner,
    "edm": EdmLearner,
}


def train(
    images: np.ndarray,
    config: Config,
    device: Device,
    work: Path,
    leave: Path,
    budget: Budget,
    yardstick: Yardstick | None = None,
) -> TrainResult:
    """(N, C, 32, 32) uint8, C = 1 or 3 -> a model file in `work`; the same call again resumes.

    The `yardstick` measures samples where weights, an epoch or, in recipe auto, a recipe are chosen
    by FID. `leave` takes what a public recipe leaves behind.
    """

    def train_one(own: Config, folder: Path, part: Budget) -> TrainResult:
        device.team.tell("learn", own, images)
        learner = build_learner(images, own, device)
        measure = yardstick.measure if yardstick else None
        snapshots = Snapshots(own, leave, part.deadline, measure)
        judge = Judge(own, yardstick, part.deadline)
        try:
            return TrainingLoop(learner, folder, part, snapshots, judge).run()
        finally:
            device.team.tell("end")

    if config.recipe == AUTO:
        judge_trial, on_gpu = TrialJudge(config, device, budget, yardstick), device.is_cuda
        return train_best(images, config, work, budget, train_one, judge_trial, on_gpu)
    return train_one(config, work, budget)


class TrialJudge:
    """The FID of a candidate's samples, as long as the clock leaves time to find it."""

    def __init__(
        self, config: Config, device: Device, budget: Budget, yardstick: Yardstick | None
    ) -> None:
        if yardstick is None:
            raise PipelineError("auto", "nothing measures its candidates", cure="give a yardstick")
        self._config = config
        self._device = device
        self._yardstick = yardstick
        self._deadline = math.inf if config.steps else budget.deadline
        self._longest_s = yardstick.image_s * count_drawn(config.trial, device)  # until measured

    def __call__(self, result: TrainResult) -> float:
        """What a candidate's training made -> FID; TrialsOverError where there is no time."""
        started = time.monotonic()
        if started + _MARGIN * self._longest_s > self._deadline:
            raise TrialsOverError(f"no time for a trial of {self._longest_s:.0f} s")
        count = self._config.trial
        samples = sample_images(result.checkpoint, count, result.config, self._device, "auto")
        fid = self._yardstick.measure(samples)
        self._longest_s = max(self._longest_s, time.monotonic() - started)
        return fid


def build_learner(images: np.ndarray, config: Config, device: Device) -> Learner:
    """(N, C, 32, 32) uint8 and a recipe's Config -> its learner, weights as the seed has them."""
    return _LEARNERS[config.recipe](images, config, device)
