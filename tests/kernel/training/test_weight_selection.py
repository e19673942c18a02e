"""training.weight_selection: which weights FIDs choose, when they are taken, at whose cost."""

import copy
import dataclasses
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import load_extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.reference import Reference, split_halves
from lib.kernel.metrics.validation_fid import make_validation_fid
from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.model_file import read_model
from lib.kernel.training import weight_selection
from lib.kernel.training.result import TrainResult
from lib.kernel.training.state import TrainState
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from lib.kernel.training.weight_selection import WeightSelection
from tests.yardsticks import measure_by

CPU = Device(torch.device("cpu"), None, "cpu")
PIXEL = load_recipe("pixel")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 4)


def offer_two(self: PixelTrainer) -> dict[str, torch.nn.Module]:
    return {"average": self.ema.network, "raw": self.model.eval()}


@pytest.fixture
def two_samplers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PixelTrainer, "samplers", offer_two)


def make_images() -> np.ndarray:
    random = np.random.default_rng(3)
    images = np.zeros((90, 1, 32, 32), np.uint8)
    for image in images:
        top, left = random.integers(0, 12, 2)
        image[:, top : top + 20, left : left + 20] = 255
    return images


def make_small(**changes: Any) -> Config:
    sizes = {"width": 16, "depth": 1, "batch": 8, "targets": 16, "steps": 10, "eval_samples": 4}
    return make_config("pixel", {**sizes, **changes})


def run(folder: Path, config: Config, measure: Callable[[np.ndarray], float]) -> TrainResult:
    leave, limit, validation = folder / "leave", TimeLimit(math.inf), measure_by(measure)
    return train(make_images(), PIXEL, config, CPU, folder, leave, limit, validation)


def count_black(samples: np.ndarray) -> float:
    return float((samples == 0).mean())


def test_the_network_and_the_time_of_the_least_fid_are_taken(
    tmp_path: Path, two_samplers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    fids, weights = iter([5.0, 4.0, 3.0, 1.0, 2.0, 6.0]), []
    train_step = PixelTrainer.train_step

    def step_and_keep(self: PixelTrainer, step: int, progress: float) -> Any:
        losses = train_step(self, step, progress)
        weights.append({name: w.clone() for name, w in self.model.state_dict().items()})
        return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTrainer, "train_step", step_and_keep)
        patch.setattr(weight_selection, "draw_images", draw_nothing)
        result = run(tmp_path, make_small(), lambda samples: next(fids) + 0 * len(samples))
    taken = [(row["step"], row["fid average"], row["fid raw"]) for row in result.history
             if "fid raw" in row]  # fmt: skip
    assert taken == [(6, 5.0, 4.0), (8, 3.0, 1.0), (10, 2.0, 6.0)]
    chosen = read_model(result.model, CPU).state_dict()
    assert all(torch.equal(chosen[name], weight) for name, weight in weights[7].items())
    said = "weights of step 8, epoch 1 (raw: least FID of 4 samples against half of the real"
    assert result.chosen.startswith(said)
    assert said in capsys.readouterr().out
    assert (result.judged["images"], result.judged["share"]) == (4, 1.0)


def test_scores_of_two_kinds_are_never_compared() -> None:
    trainer = PixelTrainer(make_images(), make_small(), CPU)
    state = TrainState()
    state.keep_best("held-out loss", 0.2, "loss", trainer)
    state.keep_best("FID", math.nan, "FID", trainer)
    assert state.best["why"] == "loss"
    state.keep_best("FID", 7.0, "FID", trainer)
    state.keep_best("held-out loss", 0.1, "loss", trainer)
    assert (state.best["why"], state.best["score"]) == ("FID", 7.0)
    state.keep_best("FID", 6.0, "later", trainer, trainer.model)
    assert state.best["why"] == "later"


def test_a_judged_run_that_was_stopped_ends_with_the_same_bytes(
    tmp_path: Path, two_samplers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", make_small(), count_black)
    train_step = PixelTrainer.train_step

    def step_and_stop(self: PixelTrainer, step: int, progress: float) -> Any:
        if step == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(self, step, progress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTrainer, "train_step", step_and_stop)
        with pytest.raises(SystemExit):
            run(tmp_path / "parts", make_small(), count_black)
    parts = run(tmp_path / "parts", make_small(), count_black)
    assert parts.model.path.read_bytes() == whole.model.path.read_bytes()
    for entry in (*whole.history, *parts.history):
        entry.pop("seconds")
    assert parts.history == whole.history
    assert sum("fid raw" in entry for entry in whole.history) == len(weight_selection.FIXED_SHARES)


def draw_nothing(*_: Any) -> np.ndarray:
    """Where the pictures do not matter: drawing takes most of a test's time."""
    return np.zeros((1, 1, 32, 32), np.uint8)


def take(
    config: Config, image_s: float, seconds: list[float], takes_s: float, left_s: float = math.inf
) -> tuple[TrainState, list[int]]:
    """Validations at those seconds of training -> state, the numbers of those with an FID.

    A clock of its own runs only while samples are measured: `takes_s` for each network.
    """
    clock = [0.0]

    def measure(samples: np.ndarray) -> float:
        clock[0] += takes_s
        return count_black(samples)

    trainer, state = PixelTrainer(make_images(), config, CPU), TrainState()
    one = WeightSelection(PIXEL, config, Path(), left_s, measure_by(measure, image_s))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight_selection, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        patch.setattr(weight_selection, "draw_images", draw_nothing)
        for number, at in enumerate(seconds, 1):
            state.step, state.seconds = number, at
            state.record(trainer.steps_per_epoch)
            one.measure(trainer, state, number / len(seconds), number == len(seconds))
    return state, [int(row["step"]) for row in state.history if "fid average" in row]


TEN = [1.0 * k for k in range(1, 11)]


def test_time_bounded_runs_judge_only_while_it_stays_a_tenth_of_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = make_small(steps=0)
    assert take(config, 0.01 / 4, TEN, takes_s=0.01)[1] == list(range(1, 11))
    state, taken = take(config, 0.2 / 4, TEN, takes_s=0.2)
    assert taken == [4, 6, 8, 10]  # two of 0.2 s are a tenth of 4 s; 10 is never left out
    assert "no FID before 4 s of training: measuring takes about 0.2 s" in capsys.readouterr().out
    assert state.judged["seconds"] == pytest.approx(0.8)
    assert take(config, 0.01 / 4, TEN, takes_s=0.45)[1] == [1, 10]  # a guess that was far off
    state, taken = take(config, 100.0, TEN, takes_s=0.01)
    assert (taken, state.best["kind"]) == ([], "held-out loss")


def test_the_end_alone_is_judged_only_where_there_is_something_to_choose_from() -> None:
    config, seconds = make_small(steps=0), [1.0, 2.0, 6.0]
    assert take(config, 0.5 / 4, seconds, takes_s=0.5)[1] == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTrainer, "samplers", offer_two)
        assert take(config, 0.5 / 8, seconds, takes_s=0.25)[1] == [3]


def test_a_run_bounded_by_steps_is_not_judged_beyond_its_size_unless_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        weight_selection, "LEAST_OVER_LOSS", 2
    )  # the trainer here has a held-out loss
    few, many = make_small(eval_samples=0, steps=100), make_small(eval_samples=0, steps=200)
    assert take(few, 0.0, TEN, 0.0)[1] == []
    assert "--set eval_samples=... insists" in capsys.readouterr().out
    assert take(many, 1e9, TEN, 9.0)[1] == [6, 8, 10]  # no clock has a say
    assert take(make_small(eval_samples=2), 1e9, TEN, 9.0)[1] == [6, 8, 10]
    assert take(make_small(eval_samples=-1), 0.0, TEN, 0.0)[1] == []


def test_a_near_deadline_forbids_it_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert take(make_small(), 10.0, TEN, takes_s=1.0, left_s=30.0)[1] == []
    assert "no FID, the deadline of the run is near" in capsys.readouterr().out


def test_too_little_memory_ends_judging_and_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(samples: np.ndarray) -> float:
        raise torch.OutOfMemoryError("out of memory")

    result = run(tmp_path, make_small(), explode)
    assert "least held-out loss" in result.chosen
    assert capsys.readouterr().out.count("no FID in training from here on") == 1


def test_modes_of_the_networks_stay_and_each_measure_has_all_cores(
    two_samplers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, seen = torch.get_num_threads(), []

    def measure(samples: np.ndarray) -> float:
        seen.append(torch.get_num_threads())
        return 1.0

    monkeypatch.setattr(weight_selection, "draw_images", draw_nothing)
    torch.set_num_threads(2)
    try:
        trainer, state = PixelTrainer(make_images(), make_small(), CPU), TrainState()
        trainer.model.train()
        state.step = 1
        state.record(1)
        with trainer.cores:
            assert torch.get_num_threads() == 1
            WeightSelection(PIXEL, make_small(), Path(), math.inf, measure_by(measure)).measure(
                trainer, state, 1.0, True
            )
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    assert seen == [2, 2]
    assert trainer.model.training
    assert not trainer.ema.network.training


@pytest.fixture(scope="module")
def reference() -> tuple[Reference, Any]:
    exact = load_extractor(Config(), None, CPU)
    images = np.repeat(make_images()[:16], 3, axis=1)
    features = exact.extract(images)
    floor = measure_floor(features, 2, 0)
    return Reference(features, features_to_statistics(features), floor), exact


def test_the_yardstick_is_the_half_that_choices_may_see(
    reference: tuple[Reference, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    real, exact = reference
    own = make_validation_fid(PIXEL, make_small(), None, CPU, exact, real, 0.1)
    used, unseen = split_halves(16, 0)
    samples = make_images()[20:26]
    features = exact.extract(np.repeat(samples, 3, axis=1))
    expected = frechet_distance(features, features_to_statistics(real.features[used]))
    assert own.measure(samples) == pytest.approx(expected, rel=1e-6)
    other = frechet_distance(features, features_to_statistics(real.features[unseen]))
    assert own.measure(samples) != pytest.approx(other, rel=1e-3)
    assert "exact path (on a CPU" in capsys.readouterr().out
    assert own.fast is None


def test_the_fast_paths_error_is_measured_once_and_kept(
    reference: tuple[Reference, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    real, exact = reference
    half = make_validation_fid(PIXEL, make_small(eval_samples=-1), None, CPU, exact, real, 0.0)
    own = dataclasses.replace(half, fast=dataclasses.replace(exact, is_fast=True))
    trainer, state = PixelTrainer(make_images(), make_small(), CPU), TrainState()
    one = WeightSelection(PIXEL, make_small(), Path(), math.inf, own)
    for step in (6, 8):
        state.step = step
        state.record(1)
        one.measure(trainer, state, step / 10, False)
    said = capsys.readouterr().out
    assert said.count("the fast path's FID is") == 1
    assert state.judged["fast_error"] != 0
    assert abs(state.judged["fast_error"]) < 0.02 * state.best["score"]


def test_a_fast_path_that_overflows_gives_way_to_the_exact_one(
    reference: tuple[Reference, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    real, exact = reference
    broken = copy.deepcopy(exact.network)
    for weight in broken.parameters():
        weight.data.fill_(math.inf)
    half = make_validation_fid(PIXEL, make_small(eval_samples=-1), None, CPU, exact, real, 0.0)
    own = dataclasses.replace(half, fast=dataclasses.replace(exact, network=broken, is_fast=True))
    samples = make_images()[:4]
    assert own.measure(samples) == half.measure(samples)
    assert own.measure_error(samples) is None
    assert "the fast path fails, the exact one serves" in capsys.readouterr().out
