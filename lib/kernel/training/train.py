"""The training loop: real images, a recipe and a time limit -> trained weights.

Between two steps between_steps.py does what is due; its constants say how often:
- after each step its losses are added up;
- about 100 times in a run, and at the end of each epoch, their means become a record;
- about every 5 s a look: where a loss or weight is not finite, training goes back to the last
  checkpoint with half the learning rate, at most 3 times;
- about every minute a checkpoint is saved.

Training ends by epochs, steps, training minutes or the run's deadline, whichever comes first.
"""

import time
from pathlib import Path

import numpy as np

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipe import Recipe, Watch
from lib.kernel.training.between_steps import BetweenSteps
from lib.kernel.training.observer import Observer
from lib.kernel.training.preview import Preview
from lib.kernel.training.result import TrainResult
from lib.kernel.training.signal_guard import SignalGuard
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.trainer import Trainer


def train(
    images: np.ndarray,
    recipe: Recipe,
    config: Config,
    device: Device,
    work: Path,
    output: Path,
    limit: TimeLimit,
    validation: ValidationFid | None = None,
    watch: Watch | None = None,
) -> TrainResult:
    """Train on (N, C, S, S) uint8, C = 1 or 3; write a model file in `work`.

    The same call again resumes. `validation` measures samples where weights or an epoch are chosen
    by FID. A public recipe leaves its snapshots in `output`. `watch` sees the records as they grow,
    and samples. Other ranks repeat each step (worker_rank.py); without them `broadcast` is empty.
    """
    config = recipe.preset.sizes.settle(config, device.suits_gpu)
    device.ranks.broadcast("learn", config, images)
    trainer: Trainer = recipe.make_trainer(images, config, device)
    make_observer = recipe.observer or Observer
    observer = make_observer(recipe, config, output, limit.deadline, validation)
    draw_s = validation.draw_s if validation else 0.0
    preview = Preview(recipe, trainer, observer, watch, draw_s, limit.deadline) if watch else None
    between = BetweenSteps(trainer, work, limit, observer, preview)
    try:
        between.resume()
        with SignalGuard() as signals, trainer.cores:  # on a CPU each core takes a part of a step
            while not signals.requested and between.goes_on():
                step, progress, started = between.state.step, between.progress, time.monotonic()
                device.ranks.broadcast("step", step, progress, trainer.lr_scale)
                losses = trainer.train_step(step, progress)
                between.after_step(losses, progress, time.monotonic() - started)
            if signals.requested:
                between.save_whole()
                signals.leave()  # raises
        return between.finish(recipe)
    finally:
        device.ranks.broadcast("end")
