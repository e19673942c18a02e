"""Whole runs by a clock that only slow work moves: --minutes holds, or the run is refused early.

The extractor and the drawing are slowed, as on a machine that others use; nothing here waits.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lib.base.errors import InputError, PipelineError
from lib.kernel import pipeline
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.folders import Folders
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.features import Extractor, load_extractor
from lib.kernel.planning import speeds
from lib.kernel.recipe import Recipe
from lib.kernel.recipes.edm.trainer import EdmTrainer
from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.training.trainer import Trainer
from tests.local_runs import write_input
from tests.whole_run import run_kernel

SMALL: dict[str, Any] = {
    "weights_file": "random",
    "weights_sha256": "",
    "samples": 20,
    "floor_draws": 2,
    "width": 16,
    "depth": 1,
    "batch": 4,
}
STEP_S = 6.0
SLACK_S = 60.0  # or a tenth of the run, whichever is more


class Clock:
    """In the place of time.monotonic(): work moves it, waiting does not."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.feature_s = self.sample_s = 0.05

    def __call__(self) -> float:
        return self.now

    def slow_down(self, recipe: Recipe) -> Recipe:
        """A recipe -> the same, its drawing and that of its candidates for this clock's price."""

        def draw(
            network: nn.Module, count: int, random: torch.Generator, *rest: Any
        ) -> torch.Tensor:
            for row in range(1, 33):
                self.now += count * self.sample_s / 32
                rest[-1](row / 32)
            return (torch.rand((count, 1, 32, 32), generator=random) > 0.5).to(torch.uint8) * 255

        candidates = tuple(self.slow_down(candidate) for candidate in recipe.candidates)
        return dataclasses.replace(recipe, draw=draw, candidates=candidates)


class SlowNetwork(nn.Module):
    """In Inception's place: 4 x 4 means and their squares, for the clock's price an image."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self._clock.now += len(pictures) * self._clock.feature_s
        means = nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1)
        return nn.functional.pad(torch.cat([means, means**2], 1), (0, 2048 - 96))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A slow extractor and slow steps by one clock; `run` slows the drawing down."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(drawing, "CHUNK", 20)

    def load(*given: Any, **named: Any) -> Extractor:
        return dataclasses.replace(load_extractor(*given, **named), network=SlowNetwork(clock))

    monkeypatch.setattr(pipeline, "load_extractor", load)
    for kind in (PixelTrainer, R3ganTrainer, EdmTrainer):
        monkeypatch.setattr(kind, "train_step", _slow(kind.train_step, clock))
    return clock


def _slow(train_step: Any, clock: Clock) -> Any:
    def slowly(trainer: Trainer, step: int, progress: float) -> Any:
        clock.now += STEP_S
        return train_step(trainer, step, progress)

    return slowly


def run(folder: Path, config: Config, clock: Clock) -> dict[str, Any]:
    """A config -> metrics.json of its run on 24 records."""
    folders = Folders(
        write_input(folder / "input"), *(folder / name for name in ("out", "scratch", "cache"))
    )
    return run_kernel(config, clock.slow_down(load_recipe(config.recipe)), folders)


def allowed_s(config: Config, clock: Clock) -> float:
    own_s = config.samples * (clock.feature_s + clock.sample_s)
    return config.minutes * 60 + own_s + max(SLACK_S, 0.1 * config.minutes * 60)


@pytest.mark.parametrize(
    ("feature_s", "sample_s"), [(0.05, 0.05), (0.5, 0.01), (0.01, 0.5), (0.4, 0.4)]
)
def test_minutes_hold_however_slow_the_machine_is(
    feature_s: float, sample_s: float, clock: Clock, tmp_path: Path
) -> None:
    clock.feature_s, clock.sample_s = feature_s, sample_s
    config = make_config("pixel", {**SMALL, "minutes": 8.0, "pool": 400})
    started = clock.now
    metrics = run(tmp_path, config, clock)
    assert clock.now - started < allowed_s(config, clock)
    assert metrics["steps"] * STEP_S >= 0.1 * 60 * config.minutes
    whole_s = 400 * (feature_s + sample_s)
    assert metrics["curated"] == (whole_s < 50)


@pytest.mark.parametrize("times", [8, 40])
def test_what_comes_after_training_yields_to_a_machine_that_slows_down(
    times: int, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("pixel", {**SMALL, "minutes": 8.0, "pool": 400})
    train = pipeline.train

    def train_then_slow_down(*given: Any) -> Any:
        result = train(*given)
        clock.feature_s, clock.sample_s = times * clock.feature_s, times * clock.sample_s
        return result

    monkeypatch.setattr(pipeline, "train", train_then_slow_down)
    started = clock.now
    metrics = run(tmp_path, config, clock)
    assert clock.now - started < allowed_s(config, clock)
    assert metrics["pool"] < 400
    assert any("the clock leaves" in words for words in metrics["warnings"])
    assert (tmp_path / "out" / "submission.csv").is_file()


def test_trials_yield_too_and_the_first_candidate_goes_on(clock: Clock, tmp_path: Path) -> None:
    clock.feature_s, clock.sample_s = 0.6, 0.6
    small = {key: value for key, value in SMALL.items() if key != "depth"}
    config = make_config("auto", {**small, "minutes": 3.0, "pool": 400})
    started = clock.now
    metrics = run(tmp_path, config, clock)
    assert clock.now - started < allowed_s(config, clock)
    assert metrics["trained"] == "pixel"
    assert metrics["trials"] == {}
    assert any(words.startswith("no trials") for words in metrics["warnings"])


def test_a_hopeless_run_is_refused_before_decoding_with_the_minutes_that_do(
    clock: Clock, tmp_path: Path
) -> None:
    clock.feature_s = 2.0
    config = make_config("pixel", {**SMALL, "minutes": 1.0})
    with pytest.raises(InputError) as refused:
        run(tmp_path, config, clock)
    assert refused.value.what.startswith("--minutes 1 leaves ")
    assert not (tmp_path / "cache").exists()
    assert clock.now - 1000.0 < 60.0
    enough = float(refused.value.cure.split()[1])
    metrics = run(tmp_path, dataclasses.replace(config, minutes=enough), clock)  # the same folder
    assert metrics["steps"] > 0


@pytest.mark.parametrize("asked", [{"steps": 6}, {"train_minutes": 0.1}])
def test_training_that_was_asked_for_is_made(
    asked: dict[str, Any], clock: Clock, tmp_path: Path
) -> None:
    """Bounded by steps or minutes of its own, it may take all the time there is."""
    clock.feature_s = 0.5
    metrics = run(tmp_path, make_config("pixel", {**SMALL, "minutes": 1.0, **asked}), clock)
    assert metrics["steps"] == (6 if "steps" in asked else 0.1 * 60 / STEP_S)


def test_no_image_is_drawn_from_untrained_weights(clock: Clock, tmp_path: Path) -> None:
    """Real images alone take longer than the run: once, this drew noise and called it done."""
    clock.feature_s = 4.0
    config = make_config("pixel", {**SMALL, "minutes": 1.0, "steps": 6, "curate": False})
    with pytest.raises(PipelineError) as ended:
        run(tmp_path, config, clock)
    assert ended.value.exit_code == 1
    assert "untrained weights" in ended.value.what
    assert ended.value.got.startswith("real features ")
    assert not (tmp_path / "out" / "submission.csv").exists()
    enough = float(ended.value.cure.split()[-1])
    again = run(tmp_path, dataclasses.replace(config, minutes=enough), clock)  # the same folder
    assert again["steps"] == 6


def test_the_speed_of_features_counts_images_that_passed_the_network(clock: Clock) -> None:
    """Once, equal pictures were counted one by one: a run of them gave up pool and curation."""
    device = choose_device()
    extractor = pipeline.load_extractor(make_config("pixel", SMALL), None, device)
    assert speeds.time_features(extractor, 32) == pytest.approx(clock.feature_s)


def test_the_speed_of_drawing_is_measured_without_drawing_a_whole_chunk(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 1000)
    clock.sample_s = 0.3
    device = choose_device()
    recipe, config = clock.slow_down(load_recipe("pixel")), make_config("pixel", SMALL)
    before = clock.now
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        image_s = drawing.time_drawing(recipe, nn.Identity(), config, device)
        assert image_s == pytest.approx(0.3, rel=0.01)
    finally:
        torch.set_num_threads(threads)
    assert clock.now - before < 1000 * 0.3 / 4


def test_a_stalled_fid_is_told_in_log_and_report_and_ends_nothing(
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train = pipeline.train

    def train_as_if_judged(*given: Any) -> Any:
        result = train(*given)
        seconds = result.history[-1]["seconds"]
        fids = [0.5, 0.1, *[0.101] * 8]
        history = [
            {"step": 10.0 * k, "seconds": seconds * k / 10, "fid average": fid}
            for k, fid in enumerate(fids, start=1)
        ]
        return dataclasses.replace(result, history=history)

    monkeypatch.setattr(pipeline, "train", train_as_if_judged)
    metrics = run(tmp_path, make_config("pixel", {**SMALL, "minutes": 4.0, "curate": False}), clock)
    words = next(words for words in metrics["warnings"] if words.startswith("FID has stalled"))
    assert "at step 20" in words
    assert f"train: {words}" in capsys.readouterr().out
    assert words in (tmp_path / "out" / "report.html").read_text()
