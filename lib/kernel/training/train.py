"""The training loop: real images, a recipe and a time limit become trained weights."""

import time
from pathlib import Path

import numpy as np

from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipe import Recipe
from lib.kernel.training.loop import LoopGuard
from lib.kernel.training.result import TrainResult
from lib.kernel.training.signal_guard import SignalGuard
from lib.kernel.training.snapshots import Snapshots
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.trainer import Trainer
from lib.kernel.training.weight_selection import WeightSelection


def train(
    images: np.ndarray,
    recipe: Recipe,
    config: Config,
    device: Device,
    work: Path,
    output: Path,
    limit: TimeLimit,
    validation: ValidationFid | None = None,
) -> TrainResult:
    """(N, C, 32, 32) uint8, C = 1 or 3 -> a model file in `work`; the same call again resumes.

    `validation` measures samples where weights or an epoch are chosen by FID. `output` takes the
    snapshots that a public recipe leaves behind. The guard does all that is due between two steps:
    log, checkpoints, held-out measures, the clock and the way back after a divergence.
    """
    device.ranks.broadcast("learn", config, images)
    trainer: Trainer = recipe.make_trainer(images, config, device)
    snapshots = Snapshots(recipe, config, output, limit.deadline, validation)
    selection = WeightSelection(recipe, config, validation, limit.deadline)
    guard = LoopGuard(trainer, work, limit, snapshots, selection)
    try:
        guard.resume()
        with SignalGuard() as signals, trainer.cores:
            while not signals.requested and guard.goes_on():
                step, progress, started = guard.state.step, guard.progress, time.monotonic()
                device.ranks.broadcast("step", step, progress, trainer.lr_scale)
                losses = trainer.train_step(step, progress)
                guard.after_step(losses, progress, time.monotonic() - started)
            if signals.requested:
                guard.save_whole()
                signals.leave()
        return guard.finish(recipe)
    finally:
        device.ranks.broadcast("end")
