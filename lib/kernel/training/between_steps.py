"""What is due between two training steps: log, checkpoints, measures, clock, rollback.

Rollback goes to the last checkpoint when a loss or weight is not finite. In a run bounded by steps
it goes to the last record instead, so that no clock chooses the step: checkpoints hold that too.
The loop itself is in lib/kernel/training/train.py.
"""

import copy
import math
import time
from pathlib import Path
from typing import Any

import torch

from lib.base.errors import PipelineError
from lib.base.log import Progress, format_seconds, log
from lib.kernel.device.plain_steps import Losses
from lib.kernel.recipe import Recipe
from lib.kernel.sampling.model_file import Model, write_model
from lib.kernel.training.checkpoint import forget_after, load_checkpoint, save_checkpoint
from lib.kernel.training.observer import Observer
from lib.kernel.training.preview import Preview
from lib.kernel.training.result import TrainResult
from lib.kernel.training.state import TrainState
from lib.kernel.training.time_limit import NoStepError, TimeLimit
from lib.kernel.training.trainer import Trainer

RECORDS = 100  # history entries of a run, approximately
VALIDATIONS = 10  # of them, those with held-out measures
SAVE_EVERY_S = 60.0
SAVE_SHARE = 0.05  # of the time, at most for saving
LOOK_EVERY_S = 5.0  # between two reads of the losses, which wait for the device
ROLLBACKS = 3
SHRINK = 0.5  # factor of the learning rate at each of them
_CPU = torch.device("cpu")  # states are read to it, so that no worker uses rank 0's GPU


class BetweenSteps:
    """Does what is due between the steps of one trainer."""

    def __init__(
        self,
        trainer: Trainer,
        work: Path,
        limit: TimeLimit,
        observer: Observer,
        preview: Preview | None = None,
    ) -> None:
        self.state = TrainState()
        self._trainer = trainer
        self._config = trainer.config
        self._work = work
        self._limit = limit
        self._observer = observer
        self._preview = preview
        self._last_step = self._find_last_step()
        self._save_seconds = 0.0
        self._recorded: dict[str, Any] = {}  # the state at the last record, in a run by steps
        self._validated = 0  # the step of the last validation
        self._next_look = self._next_save = 0.0
        by_steps = math.isfinite(self._last_step)
        total = self._last_step if by_steps else limit.train_seconds
        self._log = Progress("train", total, "steps" if by_steps else "s of training")

    def resume(self) -> None:
        """Restore the newest intact checkpoint; where there is none, save the first one."""
        saved = load_checkpoint(self._work, _CPU)
        if saved is None:
            self._keep_record()
            self._save()  # a divergence in the first minute needs a checkpoint
            return
        recorded = saved.pop("recorded", None) or copy.deepcopy(saved)
        self._recorded = recorded if self._config.steps else {}
        self._restore(saved)
        state = self.state
        if state.ended and not state.gave_up and not self._find_end():
            state.ended = ""  # the clock ended it, and now there is more time
        log("train", f"goes on from step {state.step:,} (checkpoint)")

    def goes_on(self) -> bool:
        """Tell whether another step is due; after the last step complete the records."""
        while not self.state.ended:
            self.state.ended = self._find_end()
            if not self.state.ended:
                return True
            self._close()  # rolls back if weights are not finite
        return False

    @property
    def progress(self) -> float:
        """Return the share of the run that is done, 0 to 1; with a step cap only steps count."""
        by_step = self.state.step / self._last_step
        if self._config.steps:
            return min(1.0, by_step)
        seconds, left_s = self.state.seconds, self._find_left_s()
        total_s = min(self._limit.train_seconds, seconds + max(left_s, 0.0))
        return min(1.0, max(by_step, seconds / max(total_s, 1e-9)))

    def after_step(self, losses: Losses, before: float, seconds: float) -> None:
        """Add a step's losses and seconds, given the progress before; do what is due after it."""
        state, per_epoch = self.state, self._trainer.steps_per_epoch
        state.add(losses, seconds)
        after, now = self.progress, time.monotonic()
        epoch_ends = state.step % per_epoch == 0
        validates = int(before * VALIDATIONS) < int(after * VALIDATIONS)
        records = int(before * RECORDS) < int(after * RECORDS) or epoch_ends or validates
        if (records or now >= self._next_look) and not self._look():
            return
        if records:
            state.record(per_epoch)
        if validates:
            self._validate()
        if epoch_ends:
            self._observer.leave_epoch(self._trainer, state, is_last=False)
        if records:
            self._show(is_last=False)
        if records:
            self._keep_record()
        if now >= self._next_save and self._look():
            self._save()

    def save_whole(self) -> None:
        """Save the state of a run that is stopped; roll back before if it is not finite."""
        log("train", "a signal asks for the end: saves a checkpoint and leaves")
        self._look()
        self._save()

    def finish(self, recipe: Recipe) -> TrainResult:
        """Write the chosen weights to a model file, and return what training made."""
        state, trainer = self.state, self._trainer
        if not state.step:
            raise NoStepError("train", f"no step was made: {state.ended}")
        weights, chosen, epoch, step = state.choose(trainer)
        channels = trainer.images.shape[1]
        path = write_model(self._work / "model.pt", weights, self._config, channels)
        rate = state.step * trainer.batch / max(state.seconds, 1e-9)
        log("train", f"{chosen}; {rate:,.1f} images/s")
        model = Model(path, recipe, self._config)
        ending = (state.ended, state.rollbacks, state.gave_up)
        return TrainResult(
            *(model, state.history, rate, chosen, epoch, step, state.judged), *ending
        )

    def _find_last_step(self) -> float:
        """Return the step at which step cap or epochs end the run, or infinity."""
        steps, epochs = self._config.steps, self._config.epochs * self._trainer.steps_per_epoch
        last = min([float(cap) for cap in (steps, epochs) if cap], default=math.inf)
        bounds = (last, self._limit.train_seconds, self._limit.deadline)
        if all(math.isinf(bound) for bound in bounds):
            raise PipelineError("train", "nothing would end it", cure="give steps or seconds")
        return last

    def _find_end(self) -> str:
        """Return why training ends now, be it steps or a clock; "" where it goes on."""
        state = self.state
        if state.step >= self._last_step:
            return f"all {state.step:,} steps done"
        if state.step and self.progress >= self._limit.pause_at < 1.0:
            return f"its trial is over at step {state.step:,}"
        now = f"at step {state.step:,} after {format_seconds(state.seconds)} of training"
        if state.seconds >= self._limit.train_seconds:
            return f"the training time is used up, {now}"
        if self._find_left_s() <= 0.0:
            return f"the deadline of the run is near, {now}"
        return ""

    def _find_left_s(self) -> float:
        """Return the seconds until the deadline, less those for the last saves and measures."""
        reserve_s = 2.0 * self._save_seconds + self._observer.closing_s(self.state)
        return self._limit.deadline - time.monotonic() - reserve_s

    def _look(self) -> bool:
        """Tell whether losses and weights are finite; if not, roll back to the last good state."""
        started = time.monotonic()
        means = self.state.read()  # waits for the device
        is_finite = all(map(math.isfinite, means.values())) and self._trainer.is_finite()
        self.state.seconds += time.monotonic() - started
        self._next_look = time.monotonic() + LOOK_EVERY_S
        if not is_finite:
            self._roll_back()
            return False
        note = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        by_steps = math.isfinite(self._last_step)
        self._log.update(self.state.step if by_steps else self.state.seconds, note)
        return True

    def _roll_back(self) -> None:
        """Restore the last good state with a smaller learning rate; after a few times, end."""
        bad_step, times = self.state.step, self.state.rollbacks + 1
        by_steps = self._config.steps > 0
        saved = copy.deepcopy(self._recorded) if by_steps else load_checkpoint(self._work, _CPU)
        if saved is None:
            raise PipelineError("train", f"diverged by step {bad_step} and no checkpoint is whole")
        self._restore(saved)
        forget_after(self._work, self.state.step)
        self.state.rollbacks = times
        self._trainer.lr_scale = SHRINK**times
        log("train", f"not finite by step {bad_step:,}: back to step {self.state.step:,}")
        if times > ROLLBACKS:
            self.state.gave_up = True
            self.state.ended = f"diverged {times} times, the last good weights serve"
        else:
            log("train", f"learning rate times {self._trainer.lr_scale:g} from here on")
        self._save()

    def _validate(self) -> None:
        """Add held-out measures to the newest record and keep the best weights so far."""
        share = self.progress
        is_last = bool(self.state.ended) or share >= 1.0
        self._observer.measure(self._trainer, self.state, share, is_last)
        self._validated = self.state.step

    def _close(self) -> None:
        """Make the last record, the snapshot of the partial epoch and a checkpoint."""
        log("train", f"ends: {self.state.ended}")
        if self._config.steps and self.state.step < self._last_step and self._find_left_s() <= 0.0:
            log("train", "warning: a clock ended a run bounded by steps: --minutes were too few")
        if self.state.step == 0 or not self._look():
            return
        if self.state.has_unread():
            self.state.record(self._trainer.steps_per_epoch)
        if self._validated != self.state.step:
            self._validate()
        self._observer.leave_epoch(self._trainer, self.state, is_last=True)
        self._show(is_last=True)
        self._save()

    def _show(self, is_last: bool) -> None:
        if self._preview:
            self._preview.show(self.state, is_last)

    def _restore(self, saved: dict) -> None:
        self._trainer.ranks.broadcast("restore", saved["learner"])
        self._trainer.load_state_dict(saved["learner"])
        self.state = TrainState.from_dict(saved["standing"], self._trainer.device.torch_device)

    def _keep_record(self) -> None:
        """Keep the state for a rollback, where steps and not the clock choose it."""
        if self._config.steps:
            self._recorded = copy.deepcopy(self._describe())

    def _describe(self) -> dict[str, Any]:
        return {"learner": self._trainer.state_dict(), "standing": self.state.as_dict()}

    def _save(self) -> None:
        """Save a checkpoint; set the next one so late that saving costs little time."""
        started = time.monotonic()
        state = self._describe()
        if self._recorded and self._recorded["standing"]["step"] != self.state.step:
            state["recorded"] = self._recorded
        save_checkpoint(self._work, self.state.step, state)
        now = time.monotonic()
        self._save_seconds = now - started
        self._next_save = now + max(SAVE_EVERY_S, self._save_seconds / SAVE_SHARE)
