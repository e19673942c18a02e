"""Select the weights to keep by measures during training.

At first the loss on held-out images selects, if the recipe has one. Once an FID was measured, only
FIDs count. They are measured on samples of every network that the trainer offers, such as several
averages of the weights. All samples are drawn with the same random numbers.
"""

import time

import numpy as np
import torch
from torch import nn

from lib.base.log import log
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipe import Samples
from lib.kernel.sampling.draw import draw_images
from lib.kernel.training.observer import SHOWN, Observer
from lib.kernel.training.state import TrainState
from lib.kernel.training.trainer import Trainer, keep_modes

GPU_IMAGES, CPU_IMAGES = 2000, 250  # drawn from each network for its FID
LEAST_OVER_LOSS = 1000  # fewest for an FID to replace a held-out loss, which has less noise
_SEED = "judge"  # seeds the samples: it must stay as it is
SHARE = 0.1  # of the training time, at most for FIDs
FIXED_SHARES = (0.6, 0.8, 1.0)  # in a run bounded by steps, where no clock may choose the times
PRICE = 20.0  # training images in the time of one drawn and measured (pixel on a CPU)


class WeightSelection(Observer):
    """Measures at the validation points of a run, and FIDs only where they are worth their time."""

    uses_fast_fid = True

    def begin(self) -> None:
        """Measure FIDs unless the Config wants none."""
        if self._config.eval_samples < 0:
            self._validation = None
        self._loss_s = 0.0  # of the newest held-out loss
        self._has_loss = False
        self._cost_s = 0.0  # of the newest FIDs; 0: none so far
        self._said: set[str] = set()

    def closing_s(self, state: TrainState) -> float:
        """Return the seconds that the measures after the last step may take."""
        return 2.0 * self._loss_s + (1.5 * self._cost_s if _has_fid(state) else 0.0)

    def measure(self, trainer: Trainer, state: TrainState, share: float, is_last: bool) -> None:
        """Add measures to a new record at a share of the run, and keep the best weights."""
        with keep_modes(trainer):
            self._measure_loss(trainer, state)
            if self._validation is None or not self._is_due(trainer, state, share, is_last):
                return
            started = time.monotonic()
            try:
                self._measure_fids(trainer, state, self._validation)
            except torch.OutOfMemoryError:
                self._validation = None
                log("selection", "out of memory: no FID in training from here on")
                return
        spent_s = state.judged.get("seconds", 0.0) + time.monotonic() - started
        state.judged |= {"share": share, "seconds": spent_s}

    def _measure_loss(self, trainer: Trainer, state: TrainState) -> None:
        started = time.monotonic()
        measures = trainer.validate()
        self._loss_s = time.monotonic() - started
        if not measures:
            return
        self._has_loss = True
        score = measures.pop("score")
        state.history[-1].update(measures)
        words = ", ".join(f"{name} {value:.5f}" for name, value in measures.items())
        log("train", f"step {state.step:,}: {words}")
        state.keep_best("held-out loss", score, "least held-out loss", trainer)

    def _count_images(self, trainer: Trainer) -> int:
        """Return how many images are drawn from each network."""
        if self._config.eval_samples or trainer.device.is_cuda:
            return self._config.eval_samples or GPU_IMAGES
        return LEAST_OVER_LOSS if self._has_loss else CPU_IMAGES

    def _is_due(self, trainer: Trainer, state: TrainState, share: float, is_last: bool) -> bool:
        """Tell whether FIDs are to be measured now."""
        networks = len(trainer.samplers())
        images = self._count_images(trainer) * networks
        guess_s = self._validation.image_s * images if self._validation else 0.0
        cost_s = self._cost_s or guess_s
        if is_last and _has_fid(state):
            wanted = True  # weights can be compared only if the later ones are measured too
        elif self._config.steps:
            wanted = self._is_at_fixed_place(trainer, state, share, images)
        else:
            wanted = self._is_worth_it(networks, state, cost_s, is_last)
        if wanted and time.monotonic() + 1.5 * cost_s > self._deadline:
            log("selection", f"step {state.step:,}: no FID, the deadline of the run is near")
            return False
        return wanted

    def _is_at_fixed_place(
        self, trainer: Trainer, state: TrainState, share: float, images: int
    ) -> bool:
        """Tell whether a run bounded by steps reached a fixed share at which FIDs are due.

        Equal runs must measure at equal steps, so costs are counted in images, not in seconds.
        """
        trained = self._config.steps * trainer.batch
        price = PRICE * images * len(FIXED_SHARES)
        if not self._config.eval_samples and price > SHARE * trained:
            self._say_once(
                f"no FID in training: {images:,} images, {len(FIXED_SHARES)} times, are too many "
                f"beside {trained:,} training images (--set eval_samples=... insists)"
            )
            return False
        before = state.judged.get("share", 0.0)
        return any(before < fixed <= share for fixed in FIXED_SHARES)

    def _is_worth_it(self, networks: int, state: TrainState, cost_s: float, is_last: bool) -> bool:
        """Tell whether FIDs keep their share of a run bounded by time, those at its end included.

        FIDs at the end alone are measured only if there are several networks to choose from.
        """
        spent_s, allowed_s = state.judged.get("seconds", 0.0), SHARE * state.seconds
        fits = spent_s + (1 if is_last else 2) * cost_s <= allowed_s
        if not fits and not _has_fid(state):
            self._say_once(
                f"no FID before {2 * cost_s / SHARE:,.0f} s of training: measuring takes about "
                f"{cost_s:.1f} s, twice that may be {SHARE:.0%} of training"
            )
        return fits and not (is_last and networks == 1)

    def _measure_fids(self, trainer: Trainer, state: TrainState, validation: ValidationFid) -> None:
        """Add the FID of each network's samples to the newest record; keep the best weights."""
        started, count = time.monotonic(), self._count_images(trainer)
        found: dict[str, float] = {}

        def draw(network: nn.Module) -> tuple[np.ndarray, float]:
            samples = draw_images(
                self._recipe, network, count, trainer.config, trainer.device, _SEED
            )
            return samples, validation.measure(samples)

        for name, network in trainer.samplers().items():
            # In training each core has one thread; in this map one piece gets all threads.
            samples, found[name] = trainer.cores.map(draw, [network])[0]
            state.history[-1][f"fid {name}"] = found[name]
            if found[name] == min(found.values()):
                self.newest = Samples(samples[:SHOWN].copy(), state.step, name)
            why = f"{name}: least FID of {count:,} samples against half of the real images"
            state.keep_best("FID", found[name], why, trainer, network)
        self._cost_s = time.monotonic() - started
        words = ", ".join(f"{name} {fid:.5g}" for name, fid in found.items())
        facts = f"{count:,} samples each, {self._cost_s:.1f} s"
        log("selection", f"step {state.step:,}: FID {words} ({facts})")
        state.judged["images"] = count
        if validation.fast is not None and "fast_error" not in state.judged:
            state.judged["fast_error"] = validation.measure_error(samples)

    def _say_once(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            log("selection", words)


def _has_fid(state: TrainState) -> bool:
    return state.best.get("kind") == "FID"
