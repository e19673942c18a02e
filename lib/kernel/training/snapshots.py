"""Write what a public recipe leaves after an epoch: weights, a sample grid, its FID."""

import io
import time
from functools import partial

import torch

from lib.base import files
from lib.base.image_grid import encode_grid
from lib.base.log import log
from lib.kernel.recipe import Samples
from lib.kernel.sampling.draw import draw_images
from lib.kernel.training.observer import SHOWN, Observer
from lib.kernel.training.output_room import CHECKPOINTS, GRIDS, OutputRoom
from lib.kernel.training.state import TrainState
from lib.kernel.training.trainer import Trainer

GRID_IMAGES = 64
FIRST_GUESS_S = 0.1  # for each image of an FID, until one is timed


class Snapshots(Observer):
    """Weights and a sample grid after some epochs, as the public recipes leave them."""

    def begin(self) -> None:
        """Measure an FID too where the Config wants one of each epoch."""
        validation, count = self._validation, self._config.epoch_fid
        self._evaluate = validation.measure if validation and count else None
        self._evaluate_seconds = FIRST_GUESS_S * count
        self._taken = 0
        self._room = OutputRoom(self._output)
        self._has_deleted = False

    def leave_epoch(self, trainer: Trainer, state: TrainState, is_last: bool) -> None:
        """After an epoch or the end: write files, measure the FID and keep the best weights."""
        epoch = state.epoch(trainer.steps_per_epoch)
        is_due = epoch % self._config.save_every == 0
        if epoch == self._taken or not (is_due or is_last):
            return
        self._taken = epoch
        self._write(trainer, state.step, epoch)
        if self._evaluate is not None:
            self._measure(trainer, state, epoch)

    def _write(self, trainer: Trainer, step: int, epoch: int) -> None:
        """Write samples_v1/epoch_XXX.png and checkpoints_v1/G_epoch_XXX.pth."""
        recipe, config, network = self._recipe, self._config, trainer.sampler()
        # In training each core has one thread; in this map one piece gets all threads.
        grid = trainer.cores.map(
            lambda one: draw_images(recipe, one, GRID_IMAGES, config, trainer.device, "grid"),
            [network],
        )[0]
        network.train()
        self.newest = Samples(grid[:SHOWN], step, f"generator of epoch {epoch}")
        png, buffer = encode_grid(grid), io.BytesIO()
        torch.save({name: value.cpu() for name, value in trainer.export().items()}, buffer)
        weights = buffer.getvalue()
        gone = self._room.make(2, len(png) + len(weights))
        if gone and not self._has_deleted:
            log("train", f"Kaggle's limit of files or bytes is near: {gone[0]} and later ones go")
        self._has_deleted |= bool(gone)
        files.write_bytes(self._output / GRIDS / f"epoch_{epoch:03d}.png", png)
        files.write_bytes(self._output / CHECKPOINTS / f"G_epoch_{epoch:03d}.pth", weights)

    def _measure(self, trainer: Trainer, state: TrainState, epoch: int) -> None:
        """Add the FID of this epoch's samples to the newest record, unless time is too short."""
        if self._evaluate is None:
            return
        if time.monotonic() + 1.5 * self._evaluate_seconds > self._deadline:
            log("train", f"epoch {epoch}: no FID, the deadline of the run is near")
            return
        started = time.monotonic()
        network = trainer.sampler()
        count = self._config.epoch_fid
        evaluate, device = self._evaluate, trainer.device
        drawn = partial(draw_images, self._recipe)
        fid = trainer.cores.map(
            lambda one: evaluate(drawn(one, count, self._config, device, "epoch")), [network]
        )[0]
        network.train()
        self._evaluate_seconds = time.monotonic() - started
        state.history[-1]["fid"] = fid
        log("train", f"epoch {epoch}: FID {fid:.4f} of {count:,} samples")
        state.keep_best("FID", fid, "least FID of an epoch", trainer)
