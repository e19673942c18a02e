"""Images and a budget -> trained weights, their history, and what a public recipe leaves behind."""

import math
import time
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipes.auto.successive_halving import TrialsOverError, halve_successively
from lib.kernel.recipes.edm.trainer import EdmTrainer
from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer
from lib.kernel.recipes.table import AUTO
from lib.kernel.recipes.wgan_gp.trainer import WganTrainer
from lib.kernel.sampling.draw import count_drawn
from lib.kernel.sampling.sample import sample_images
from lib.kernel.training.loop import TrainingLoop
from lib.kernel.training.snapshots import Snapshots
from lib.kernel.training.time_limit import TimeLimit, TrainResult
from lib.kernel.training.trainer import Trainer
from lib.kernel.training.weight_selection import WeightSelection

__all__ = ["TimeLimit", "TrainResult", "train"]

_MARGIN = 1.2  # of the longest trial so far, for the next one
_TRAINERS: dict[str, type[Trainer]] = {
    "first-seed": WganTrainer,
    "second-seed": WganTrainer,
    "pixel": PixelTrainer,
    "r3gan": R3ganTrainer,
    "edm": EdmTrainer,
}


def train(
    images: np.ndarray,
    config: Config,
    device: Device,
    work: Path,
    leave: Path,
    budget: TimeLimit,
    validation: ValidationFid | None = None,
) -> TrainResult:
    """(N, C, 32, 32) uint8, C = 1 or 3 -> a model file in `work`; the same call again resumes.

    The `validation` measures samples where weights, an epoch or, in recipe auto, a recipe are
    chosen by FID. `leave` takes what a public recipe leaves behind.
    """

    def train_one(own: Config, folder: Path, part: TimeLimit) -> TrainResult:
        device.ranks.broadcast("learn", own, images)
        trainer = make_trainer(images, own, device)
        measure = validation.measure if validation else None
        snapshots = Snapshots(own, leave, part.deadline, measure)
        judge = WeightSelection(own, validation, part.deadline)
        try:
            return TrainingLoop(trainer, folder, part, snapshots, judge).run()
        finally:
            device.ranks.broadcast("end")

    if config.recipe == AUTO:
        judge_trial, on_gpu = TrialJudge(config, device, budget, validation), device.is_cuda
        return halve_successively(images, config, work, budget, train_one, judge_trial, on_gpu)
    return train_one(config, work, budget)


class TrialJudge:
    """The FID of a candidate's samples, as long as the clock leaves time to find it."""

    def __init__(
        self, config: Config, device: Device, budget: TimeLimit, validation: ValidationFid | None
    ) -> None:
        if validation is None:
            raise PipelineError("auto", "nothing measures its candidates", cure="give a yardstick")
        self._config = config
        self._device = device
        self._validation = validation
        self._deadline = math.inf if config.steps else budget.deadline
        self._longest_s = validation.image_s * count_drawn(config.trial, device)  # until measured

    def __call__(self, result: TrainResult) -> float:
        """What a candidate's training made -> FID; TrialsOverError where there is no time."""
        started = time.monotonic()
        if started + _MARGIN * self._longest_s > self._deadline:
            raise TrialsOverError(f"no time for a trial of {self._longest_s:.0f} s")
        count = self._config.trial
        samples = sample_images(result.checkpoint, count, result.config, self._device, "auto")
        fid = self._validation.measure(samples)
        self._longest_s = max(self._longest_s, time.monotonic() - started)
        return fid


def make_trainer(images: np.ndarray, config: Config, device: Device) -> Trainer:
    """(N, C, 32, 32) uint8 and a recipe's Config -> its trainer, weights as the seed has them."""
    return _TRAINERS[config.recipe](images, config, device)
