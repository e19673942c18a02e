"""Show a training under way: its records, and newest samples at no more than 2 % of its time.

Samples that a measure drew cost nothing. Until there are some, 40 are drawn for this alone. They
change no bit of the result: their random numbers are their own, and no network keeps anything.
Rank 0 draws them, while other ranks wait for the next step as they do in a measure.
"""

import math
import time

import torch

from lib.base.log import log
from lib.kernel.recipe import Recipe, Samples, Watch
from lib.kernel.sampling.draw import count_drawn, draw_few
from lib.kernel.training.observer import SHOWN, Observer
from lib.kernel.training.state import TrainState
from lib.kernel.training.trainer import Trainer, keep_modes

SHARE = 0.02  # of the training time, at most for what is shown
LEAST_WAIT_S = 15.0  # between two draws, however quick they are
_MARGIN = 1.5  # times the cost of a draw that must fit before the deadline
_SEED = "preview"


class Preview:
    """Lets a Watch see a training, and draws samples for it where nothing else does."""

    def __init__(
        self,
        recipe: Recipe,
        trainer: Trainer,
        observer: Observer,
        watch: Watch,
        draw_s: float,
        deadline: float,
    ) -> None:
        """`draw_s` are a sample's seconds in a whole chunk; the deadline is by time.monotonic()."""
        self._recipe = recipe
        self._trainer = trainer
        self._observer = observer
        self._watch = watch
        self._deadline = deadline
        # Of a draw. A whole chunk costs no less, which serves until a draw was timed.
        self._cost_s = draw_s * count_drawn(SHOWN, trainer.config, trainer.device)
        self._spent_s = 0.0  # for drawing and showing
        self._since_s: float | None = None  # training seconds when this process first showed it
        self._next_draw = -math.inf
        self._own: Samples | None = None

    def show(self, state: TrainState, is_last: bool) -> None:
        """Show the records of a state, with the newest samples."""
        started = time.monotonic()
        if not is_last and self._is_due(state):
            self._draw(state)
        newest = self._observer.newest or self._own
        self._watch(self._trainer.config.recipe, state.history, is_last, newest)
        self._spent_s += time.monotonic() - started

    def _is_due(self, state: TrainState) -> bool:
        """Tell whether another draw keeps all that is shown within its share of the time."""
        if self._since_s is None:
            self._since_s = 0.0 if not state.history[:-1] else state.history[-2]["seconds"]
        now = time.monotonic()
        if self._observer.newest or now < self._next_draw:
            return False
        if now + _MARGIN * self._cost_s > self._deadline:
            return False
        return self._spent_s + self._cost_s <= SHARE * (state.seconds - self._since_s)

    def _draw(self, state: TrainState) -> None:
        """Draw samples of the weights as they are now."""
        trainer, started = self._trainer, time.monotonic()
        try:
            with keep_modes(trainer):
                whose, network = next(iter(trainer.samplers().items()))
                # In training each core has one thread; in this map one piece gets all threads.
                images = trainer.cores.map(
                    lambda one: draw_few(
                        self._recipe, one, SHOWN, trainer.config, trainer.device, _SEED
                    ),
                    [network],
                )[0]
        except torch.OutOfMemoryError:
            log("train", "out of memory: no samples are shown before a measure draws some")
            self._cost_s = math.inf
            return
        self._own = Samples(images, state.step, whose)
        self._cost_s = time.monotonic() - started
        self._next_draw = time.monotonic() + LEAST_WAIT_S
