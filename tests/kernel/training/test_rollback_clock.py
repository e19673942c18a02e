"""training.between_steps: in a run bounded by steps no clock chooses where a rollback goes to."""

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.training import between_steps
from tests.kernel.training.test_train import poison, run, small_config

pytestmark = pytest.mark.ships

STEPS = {"steps": 240}  # a record is made every two or three steps
BAD = 101


def train_badly(folder: Path, save_every_s: float, stops_at: int = 0) -> bytes:
    """Train with a step that gives NaN once the learning rate is whole -> the weights' bytes.

    With a step to stop at, a signal ends it there, and the same call goes on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(between_steps, "SAVE_EVERY_S", save_every_s)
        patch.setattr(between_steps, "SAVE_SHARE", 1e9)
        poison_whole_rate(patch)
        if stops_at:
            with pytest.MonkeyPatch.context() as inner:
                stop_in(inner, stops_at)
                with pytest.raises(SystemExit):
                    run(folder, small_config("pixel", **STEPS))
        return run(folder, small_config("pixel", **STEPS)).model.path.read_bytes()


def poison_whole_rate(patch: pytest.MonkeyPatch) -> None:
    train_step = PixelTrainer.train_step

    def step_badly(self: Any, step: int, progress: float) -> Any:
        losses = train_step(self, step, progress)
        if step == BAD and self.lr_scale == 1.0:
            next(self.model.parameters()).data.view(-1)[0] = math.nan
        return losses

    patch.setattr(PixelTrainer, "train_step", step_badly)


def stop_in(patch: pytest.MonkeyPatch, wanted: int) -> None:
    train_step = PixelTrainer.train_step

    def step_and_stop(self: Any, step: int, progress: float) -> Any:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(self, step, progress)

    patch.setattr(PixelTrainer, "train_step", step_and_stop)


def test_a_rollback_goes_to_the_same_step_however_often_checkpoints_are_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It once went to the last checkpoint, and seconds chose that."""
    often = train_badly(tmp_path / "often", 0.0)
    assert "back to step 1" in capsys.readouterr().out
    assert train_badly(tmp_path / "seldom", 1e9) == often
    for stops_at in (BAD - 2, BAD - 1):  # between two records
        assert train_badly(tmp_path / f"stopped-{stops_at}", 1e9, stops_at) == often


def test_a_state_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    """A save fell due between two looks at the weights: rollbacks then led nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(between_steps, "SAVE_EVERY_S", 0.0)
        patch.setattr(between_steps, "SAVE_SHARE", 1e9)
        patch.setattr(between_steps, "LOOK_EVERY_S", 1e9)
        left = [1]
        poison(patch, lambda step: step == 11 and bool(left and left.pop()), "pixel")
        timed = small_config("pixel", steps=0, epochs=40, targets=4)
        result = run(tmp_path, timed)
    assert (result.rollbacks, result.gave_up) == (1, False)
