"""training.preview: what a watched training shows, at what price, and that it changes no bit."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.device.device import Device
from lib.kernel.recipe import Samples
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.training import preview
from lib.kernel.training.preview import Preview
from lib.kernel.training.result import TrainResult
from lib.kernel.training.state import TrainState
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from tests.kernel.training.test_train import SMALL, make_images
from tests.small import keep_used
from tests.yardsticks import measure_by

pytestmark = pytest.mark.ships

CPU = Device(torch.device("cpu"), None, "cpu")


class Watcher:
    """Keeps what a training shows."""

    def __init__(self) -> None:
        self.samples: list[Samples | None] = []
        self.ends: list[bool] = []

    def __call__(
        self,
        recipe: str,
        history: Sequence[Mapping[str, float]],
        is_last: bool,
        samples: Samples | None,
    ) -> None:
        assert history
        self.samples.append(samples)
        self.ends.append(is_last)


def run(
    folder: Path, recipe: str, watch: Watcher | None, validation: Any = None, **changes: Any
) -> TrainResult:
    used = keep_used(recipe, {**SMALL[recipe], "epoch_fid": 0, **changes})
    config, limit = make_config(recipe, used), TimeLimit(math.inf)
    places = (folder / "work", folder / "out")
    return train(make_images(), load_recipe(recipe), config, CPU, *places, limit, validation, watch)


@pytest.mark.parametrize("recipe", SMALL)
def test_watching_with_own_draws_changes_no_bit(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draw after nearly every record, none of which keeps to its share of the time."""
    monkeypatch.setattr(preview, "SHARE", math.inf)
    monkeypatch.setattr(preview, "LEAST_WAIT_S", 0.0)
    monkeypatch.setattr(preview, "SHOWN", 4)
    watcher, changes = Watcher(), {"steps": 4, "save_every": 99, "eval_samples": -1}
    seen = run(tmp_path / "seen", recipe, watcher, **changes)
    torch.manual_seed(99)
    unseen = run(tmp_path / "unseen", recipe, None, **changes)
    assert seen.model.path.read_bytes() == unseen.model.path.read_bytes()
    for one, other in zip(seen.history, unseen.history, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    drawn = [one for one in watcher.samples if one]
    assert len({one.step for one in drawn}) >= 3
    assert drawn[0].images.shape == (4, 1, 32, 32)
    assert watcher.ends == [False] * (len(watcher.ends) - 1) + [True]


def test_samples_that_a_measure_drew_are_shown_and_none_are_drawn_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 50)
    monkeypatch.setattr(preview, "draw_few", None)  # calling it fails
    measured: list[np.ndarray] = []

    def measure(samples: np.ndarray) -> float:
        measured.append(samples)
        return float(len(measured))

    watcher = Watcher()
    validation = measure_by(measure, image_s=1e9)  # too dear for draws of its own
    run(tmp_path, "r3gan", watcher, validation, steps=10, eval_samples=50)
    first, last = watcher.samples[0], watcher.samples[-1]
    assert first is None
    assert last
    assert last.step == 10
    assert len(last.images) == 40
    assert any(np.array_equal(last.images, samples[:40]) for samples in measured)


def test_a_public_recipe_shows_the_samples_of_its_newest_snapshot(tmp_path: Path) -> None:
    watcher = Watcher()
    changes = {"steps": 0, "epochs": 2, "save_every": 1}
    run(tmp_path, "first-seed", watcher, measure_by(lambda _: 1.0, image_s=1e9), **changes)
    last = watcher.samples[-1]
    assert last
    assert (last.whose, len(last.images)) == ("generator of epoch 2", 40)


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A Preview of nothing, whose draws take 3 s of a clock that stands still otherwise."""
    place = SimpleNamespace(now=1000.0, drawn=[])

    def draw(*_: Any) -> np.ndarray:
        place.now += 3.0
        place.drawn.append(place.now)
        return np.zeros((40, 1, 8, 8), np.uint8)

    monkeypatch.setattr(preview, "draw_few", draw)
    monkeypatch.setattr(preview, "time", SimpleNamespace(monotonic=lambda: place.now))
    trainer: Any = SimpleNamespace(
        samplers=lambda: {"model": None},
        state_parts=dict,
        cores=SimpleNamespace(map=lambda work, pieces: [work(one) for one in pieces]),
        config=make_config("r3gan", {}),
        device=CPU,
    )

    def make(draw_s: float, deadline: float = math.inf) -> Preview:
        observer: Any = SimpleNamespace(newest=None)
        return Preview(load_recipe("r3gan"), trainer, observer, lambda *_: None, draw_s, deadline)

    place.make = make
    return place


def train_for(shown: Preview, place: SimpleNamespace, seconds: int) -> None:
    """Show a training every 5 s of it."""
    state = TrainState(history=[{"step": 1, "seconds": 0.0}])
    for at in range(0, seconds, 5):
        place.now += 5
        state.seconds = float(at)
        shown.show(state, is_last=False)


def test_draws_keep_within_two_percent_of_the_training_time(priced: SimpleNamespace) -> None:
    """The first waits by the guess, a chunk of 125 x 0.016 s = 2 s, later ones by what it took."""
    train_for(priced.make(0.016), priced, 1000)
    assert len(priced.drawn) == 1000 * preview.SHARE // 3.0
    assert priced.drawn[0] == pytest.approx(1000 + 105 + 3, abs=6)


def test_no_draw_begins_that_the_deadline_would_cut_off(priced: SimpleNamespace) -> None:
    train_for(priced.make(0.016, deadline=1101.0), priced, 1000)
    assert priced.drawn == []


def test_after_memory_ran_out_nothing_is_drawn_again(
    priced: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> np.ndarray:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(preview, "draw_few", fail)
    train_for(priced.make(0.016), priced, 1000)
    assert capsys.readouterr().out.count("out of memory") == 1
