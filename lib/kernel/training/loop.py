"""A trainer and a budget -> its steps, with log, checkpoints, clock and ways out of trouble."""

import math
import time
from pathlib import Path

import torch

from lib.base.errors import PipelineError
from lib.base.log import Progress, format_seconds, log
from lib.kernel.sampling.model_file import write_model
from lib.kernel.training.checkpoint import load_checkpoint, save_checkpoint
from lib.kernel.training.signal_guard import SignalGuard
from lib.kernel.training.snapshots import Snapshots
from lib.kernel.training.state import TrainState
from lib.kernel.training.time_limit import NoStepError, TimeLimit, TrainResult
from lib.kernel.training.trainer import Trainer
from lib.kernel.training.weight_selection import WeightSelection

RECORDS = 100  # history entries of a run, about
VALIDATIONS = 10  # of them with held-out measures
SAVE_EVERY_S = 60.0
SAVE_SHARE = 0.05  # of the time at most goes into saving
LOOK_EVERY_S = 5.0  # between synchronisations that read the losses
ROLLBACKS = 3
SHRINK = 0.5  # of the learning rate at each of them
_CPU = torch.device("cpu")  # states are read here: a follower must not wake rank 0's GPU for them


class TrainingLoop:
    """The steps of one trainer, and around them the log, the checkpoints and the clock."""

    def __init__(
        self,
        trainer: Trainer,
        work: Path,
        budget: TimeLimit,
        snapshots: Snapshots,
        judge: WeightSelection,
    ) -> None:
        self._trainer = trainer
        self._config = trainer.config
        self._work = work
        self._budget = budget
        self._snapshots = snapshots
        self._judge = judge
        self._state = TrainState()
        self._last_step = self._find_last_step()
        self._save_seconds = 0.0
        self._validated = 0  # the step
        self._next_look = self._next_save = 0.0
        by_steps = math.isfinite(self._last_step)
        total = self._last_step if by_steps else budget.train_seconds
        self._progress = Progress("train", total, "steps" if by_steps else "s of training")

    def run(self) -> TrainResult:
        """Steps until the step cap, the epochs, the seconds or the deadline end them."""
        self._resume()
        with SignalGuard() as stops, self._trainer.cores:
            while not self._state.ended:
                self._state.ended = self._find_end()
                if self._state.ended:
                    self._close()
                else:
                    self._step()
                if stops.requested:
                    self._look()
                    self._save()
                    stops.leave()
        return self._finish()

    def _find_last_step(self) -> float:
        """The step cap and the epochs -> the step that ends the run, or infinity."""
        steps, epochs = self._config.steps, self._config.epochs * self._trainer.steps_per_epoch
        last = min([float(cap) for cap in (steps, epochs) if cap], default=math.inf)
        bounds = (last, self._budget.train_seconds, self._budget.deadline)
        if all(math.isinf(bound) for bound in bounds):
            raise PipelineError("train", "nothing would end it", cure="give steps or seconds")
        return last

    def _find_end(self) -> str:
        """-> why training ends here, or nothing; a clock that fires before the steps do says so."""
        standing = self._state
        if standing.step >= self._last_step:
            return f"all {standing.step:,} steps done"
        if standing.step and self._share_done() >= self._budget.pause_at < 1.0:
            return f"its trial is over at step {standing.step:,}"
        now = f"at step {standing.step:,} after {format_seconds(standing.seconds)} of training"
        if standing.seconds >= self._budget.train_seconds:
            return f"the training time is used up, {now}"
        if self._find_left_s() <= 0.0:
            return f"the deadline of the run is near, {now}"
        return ""

    def _find_left_s(self) -> float:
        """-> seconds until the deadline less what closing takes; saves and measures shorten it."""
        reserve_s = 2.0 * self._save_seconds + self._judge.closing_s(self._state)
        return self._budget.deadline - time.monotonic() - reserve_s

    def _share_done(self) -> float:
        """-> share of the run that is done, 0 to 1; a step cap makes it depend on steps alone."""
        by_step = self._state.step / self._last_step
        if self._config.steps:
            return min(1.0, by_step)
        seconds, left_s = self._state.seconds, self._find_left_s()
        total_s = min(self._budget.train_seconds, seconds + max(left_s, 0.0))
        return min(1.0, max(by_step, seconds / max(total_s, 1e-9)))

    def _step(self) -> None:
        """One step of the trainer and whatever is due after it."""
        standing, before = self._state, self._share_done()
        started = time.monotonic()
        self._trainer.ranks.broadcast("step", standing.step, before, self._trainer.lr_scale)
        losses = self._trainer.train_step(standing.step, before)
        standing.add(losses, time.monotonic() - started)
        after, now = self._share_done(), time.monotonic()
        epoch_ends = standing.step % self._trainer.steps_per_epoch == 0
        validates = int(before * VALIDATIONS) < int(after * VALIDATIONS)
        records = int(before * RECORDS) < int(after * RECORDS) or epoch_ends or validates
        if (records or now >= self._next_look) and not self._look():
            return
        if records:
            standing.record(self._trainer.steps_per_epoch)
        if validates:
            self._validate()
        if epoch_ends:
            self._snapshots.take(self._trainer, standing, is_last=False)
        if now >= self._next_save:
            self._save()

    def _look(self) -> bool:
        """-> whether losses and weights are finite so far; if not, back to the last good ones."""
        started = time.monotonic()
        means = self._state.read()  # waits for the device
        is_finite = all(map(math.isfinite, means.values())) and self._trainer.is_finite()
        self._state.seconds += time.monotonic() - started
        self._next_look = time.monotonic() + LOOK_EVERY_S
        if not is_finite:
            self._roll_back()
            return False
        note = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        by_steps = math.isfinite(self._last_step)
        self._progress.update(self._state.step if by_steps else self._state.seconds, note)
        return True

    def _roll_back(self) -> None:
        """-> the last good state with a smaller learning rate; after a few times, the end."""
        bad_step, times = self._state.step, self._state.rollbacks + 1
        state = load_checkpoint(self._work, _CPU)
        if state is None:
            raise PipelineError("train", f"diverged by step {bad_step} and no checkpoint is whole")
        self._restore(state)
        self._state.rollbacks = times
        self._trainer.lr_scale = SHRINK**times
        log("train", f"not finite by step {bad_step:,}: back to step {self._state.step:,}")
        if times > ROLLBACKS:
            self._state.gave_up = True
            self._state.ended = f"diverged {times} times, the last good weights serve"
        else:
            log("train", f"learning rate times {self._trainer.lr_scale:g} from here on")
        self._save()

    def _validate(self) -> None:
        """Held-out measures join the newest record; the best weights so far are kept."""
        share = self._share_done()
        is_last = bool(self._state.ended) or share >= 1.0
        self._judge.take(self._trainer, self._state, share, is_last)
        self._validated = self._state.step

    def _close(self) -> None:
        """After the last step -> the last record, the partial epoch's snapshot, a checkpoint."""
        log("train", f"ends: {self._state.ended}")
        if self._state.step == 0 or not self._look():
            return
        if self._state.has_unread():
            self._state.record(self._trainer.steps_per_epoch)
        if self._validated != self._state.step:
            self._validate()
        self._snapshots.take(self._trainer, self._state, is_last=True)
        self._save()

    def _resume(self) -> None:
        """The newest whole checkpoint -> the state it holds; without one, the first checkpoint."""
        state = load_checkpoint(self._work, _CPU)
        if state is None:
            self._save()  # a divergence in the first minute needs somewhere to go back to
            return
        self._restore(state)
        standing = self._state
        if standing.ended and not standing.gave_up and not self._find_end():
            standing.ended = ""  # a clock ended it, and now there is more time
        log("train", f"goes on from step {standing.step:,} (checkpoint)")

    def _restore(self, state: dict) -> None:
        self._trainer.ranks.broadcast("restore", state["learner"])
        self._trainer.load_state_dict(state["learner"])
        self._state = TrainState.from_dict(state["standing"], self._trainer.device.torch_device)

    def _save(self) -> None:
        """The state -> a checkpoint; the next one is due when saving costs little enough."""
        started = time.monotonic()
        state = {"learner": self._trainer.state_dict(), "standing": self._state.as_dict()}
        save_checkpoint(self._work, self._state.step, state)
        now = time.monotonic()
        self._save_seconds = now - started
        self._next_save = now + max(SAVE_EVERY_S, self._save_seconds / SAVE_SHARE)

    def _finish(self) -> TrainResult:
        """The final state -> the model file and what is said of it."""
        standing, trainer = self._state, self._trainer
        if not standing.step:
            raise NoStepError("train", f"no step was made: {standing.ended}")
        weights, chosen, epoch, step = standing.choose(trainer)
        channels = trainer.images.shape[1]
        path = write_model(self._work / "model.pt", weights, self._config, channels)
        rate = standing.step * trainer.batch / max(standing.seconds, 1e-9)
        log("train", f"{chosen}; {rate:,.1f} images/s")
        words = (chosen, epoch, step, self._config, standing.judged)
        return TrainResult(path, standing.history, rate, *words)
