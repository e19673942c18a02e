"""Recipe auto: trials, the winner's continuation, interruption, failures, the look at the data."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.base.errors import PipelineError
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.configure import as_candidate
from lib.kernel.device.device import Device
from lib.kernel.planning.plan import count_trials
from lib.kernel.recipe import Recipe, Watch
from lib.kernel.recipes.auto import successive_halving
from lib.kernel.recipes.auto.describe_images import describe_images
from lib.kernel.recipes.auto.recipe import AUTO
from lib.kernel.recipes.auto.successive_halving import (
    TrialsOverError,
    count_lost_shares,
    train_candidates,
)
from lib.kernel.recipes.table import find_preset, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.training.result import TrainResult
from lib.kernel.training.time_limit import NoStepError, TimeLimit
from lib.synthetic.look_alike import look_alike
from tests.small import as_model
from tests.yardsticks import measure_by

CPU = Device(torch.device("cpu"), None, "cpu")
TINY = {"width": 8, "depth": 1, "batch": 8, "targets": 16, "trial": 16, "latent_dim": 4}


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its three candidates draw no more than they must."""
    monkeypatch.setattr(drawing, "CHUNK", 16)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return look_alike(120, 3)[:, None]


def grey_share(pictures: np.ndarray) -> float:
    """How far the share of grey values is from that of the look-alike: a likelihood's strength."""
    return float(np.mean((pictures > 0) & (pictures < 255)))


def run(
    folder: Path, pictures: np.ndarray, watch: Watch | None = None, **changes: Any
) -> TrainResult:
    config = make_config("auto", {**TINY, "steps": 30, **changes})
    work, leave, validation = folder / "work", folder / "leave", measure_by(grey_share)
    limit = TimeLimit(math.inf)
    return train_candidates(pictures, AUTO, config, CPU, work, leave, limit, validation, watch)


def test_shares_of_the_budget_add_up() -> None:
    assert [count_lost_shares(n) for n in (1, 2, 3, 4)] == [0, 1, 3, 4]
    assert [count_trials(n) for n in (1, 2, 3, 4)] == [0, 2, 5, 6]


def test_the_best_of_three_goes_on_from_its_trial(
    tmp_path: Path, pictures: np.ndarray, three: None, capsys: pytest.CaptureFixture[str]
) -> None:
    watched: set[str] = set()
    result = run(tmp_path, pictures, lambda recipe, *_: watched.add(recipe))
    assert watched == {candidate.name for candidate in AUTO.candidates}
    assert len(result.trials) == 5
    best = min(result.trials, key=lambda key: result.trials[key])
    assert result.model.config.recipe == best.split(",")[0]
    assert result.chosen.startswith(f"recipe {result.model.config.recipe}")
    said = capsys.readouterr().out
    assert "neighbours are equal" in said
    assert f"on with {result.model.config.recipe}" in said
    assert "goes on from step" in said  # the winner's checkpoint, not a new beginning
    assert result.history[-1]["step"] == round(30 * (1 - 3 * successive_halving.SHARE_WHERE_CLEAR))


def test_an_interrupted_run_ends_as_an_unstopped_one(
    tmp_path: Path, pictures: np.ndarray, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", pictures)
    measured = []

    def stop_after_three(samples: np.ndarray) -> float:
        measured.append(len(samples))
        if len(measured) == 4:
            raise KeyboardInterrupt
        return grey_share(samples)

    config = make_config("auto", {**TINY, "steps": 30})
    work, leave = tmp_path / "cut" / "work", tmp_path / "cut" / "leave"
    limit, validation = TimeLimit(math.inf), measure_by(stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        train_candidates(pictures, AUTO, config, CPU, work, leave, limit, validation)
    resumed = run(tmp_path / "cut", pictures)
    assert resumed.trials == whole.trials
    assert resumed.model.path.read_bytes() == whole.model.path.read_bytes()


def test_a_candidate_that_fails_is_out(
    tmp_path: Path, pictures: np.ndarray, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> TrainResult:
        raise PipelineError("train", "diverged")

    trials = successive_halving.Trials(tmp_path / "trials.json")
    assert math.isinf(trials.score("pixel", 1, lambda: explode().images_per_s))
    assert trials.score("edm", 1, lambda: 2.0) == 2.0
    again = successive_halving.Trials(tmp_path / "trials.json")
    assert again.scores == trials.scores
    with pytest.raises(PipelineError, match="every candidate failed"):
        successive_halving.keep_better_half({"pixel": math.inf, "edm": math.inf})
    assert successive_halving.keep_better_half({"a": 3.0, "b": 1.0, "c": 2.0}) == ["b", "c"]


def test_a_candidate_takes_its_row_and_what_was_set() -> None:
    config = make_config("auto", {"lr": 5e-3, "sweep": False, "minutes": 7.0})
    own = as_candidate(config, AUTO.preset, find_preset("pixel"))
    assert isinstance(own, Config)
    assert (own.recipe, own.lr, own.sweep, own.minutes) == ("pixel", 5e-3, False, 7.0)
    assert own.ema_decay == make_config("pixel", {}).ema_decay


@pytest.mark.parametrize(
    ("key", "value", "of"),
    [
        ("width", 64, ("pixel", "r3gan", "edm")),
        ("lr", 1e-4, ("pixel", "r3gan", "edm")),
        ("tail", 0.0, ("pixel",)),
        ("fid_loss", 0.0, ("r3gan",)),
        ("depth", 4, ("pixel", "edm")),
    ],
)
def test_what_was_given_reaches_the_candidates_that_know_it_even_where_it_is_autos_own(
    key: str, value: float, of: tuple[str, ...]
) -> None:
    """Values equal to auto's own row were dropped: these all ran as if nothing had been given."""
    usual, config = make_config("auto", {}), make_config("auto", {key: value})
    assert config != usual
    for candidate in AUTO.preset.candidates:
        before, after = (as_candidate(one, AUTO.preset, candidate) for one in (usual, config))
        assert before == make_config(candidate.name, {})
        known = candidate.name in of
        assert after == (make_config(candidate.name, {key: value}) if known else before)


@pytest.mark.parametrize(("given", "left"), [({}, 0.95), ({"fid_loss": 0.0}, 1.0)])
def test_on_a_gpu_r3gan_leaves_time_for_its_last_stretch_unless_told_otherwise(
    tmp_path: Path, given: dict[str, float], left: float
) -> None:
    seconds: dict[str, float] = {}

    def train_one(candidate: Recipe, own: Config, folder: Path, part: TimeLimit) -> TrainResult:
        assert candidate.name == own.recipe
        seconds[own.recipe] = part.train_seconds
        return train_quickly(candidate, own, folder, part)

    images = look_alike(20, 0)[:, None]
    config = make_config("auto", {**given, "trial": 16})
    whole = TimeLimit(1000.0)
    best = successive_halving.halve_successively(
        images, AUTO, config, tmp_path, whole, train_one, lambda _: 1.0, True
    )
    assert seconds["r3gan"] == pytest.approx(left * seconds["pixel"])
    assert seconds["edm"] == seconds["pixel"]
    assert best.model.config.fid_loss == 0.0  # of pixel, which wins a tie


def test_without_time_for_trials_the_first_candidate_has_the_whole_budget(
    tmp_path: Path, pictures: np.ndarray, three: None, capsys: pytest.CaptureFixture[str]
) -> None:
    result, first = run(tmp_path, pictures, trial=0), AUTO.candidates[0].name
    assert (result.model.config.recipe, result.trials) == (first, {})
    assert result.history[-1]["step"] == 30
    assert f"on with {first}: there is no time for trials" in capsys.readouterr().out


def train_quickly(candidate: Recipe, own: Config, folder: Path, part: TimeLimit) -> TrainResult:
    return TrainResult(as_model(folder, own), [], 0.0, "", 1, 1, {})


@pytest.mark.parametrize(("measured", "taken"), [(0, "pixel"), (1, "pixel"), (2, "r3gan")])
def test_where_the_clock_ends_the_trials_the_best_so_far_goes_on(
    measured: int, taken: str, tmp_path: Path, pictures: np.ndarray
) -> None:
    fids = iter([2.0, 1.0, 0.5][:measured])

    def judge(result: TrainResult) -> float:
        for fid in fids:
            return fid
        raise TrialsOverError("no time")

    config = make_config("auto", {"trial": 16})
    best = successive_halving.halve_successively(
        pictures, AUTO, config, tmp_path, TimeLimit(1000.0), train_quickly, judge, False
    )
    assert best.model.config.recipe == taken


def test_a_candidate_that_failed_does_not_go_on_where_the_clock_ends_the_trials(
    tmp_path: Path, pictures: np.ndarray
) -> None:
    def train_one(candidate: Recipe, own: Config, folder: Path, part: TimeLimit) -> TrainResult:
        if own.recipe == "pixel":
            raise PipelineError("train", "diverged")
        return train_quickly(candidate, own, folder, part)

    def judge(result: TrainResult) -> float:
        raise TrialsOverError("no time")

    config, whole = make_config("auto", {"trial": 16}), TimeLimit(1000.0)
    best = successive_halving.halve_successively(
        pictures, AUTO, config, tmp_path, whole, train_one, judge, False
    )
    assert best.model.config.recipe == "r3gan"


def test_no_step_in_any_trial_is_told_as_such_and_not_kept(
    tmp_path: Path, pictures: np.ndarray
) -> None:
    """A clock ended them: the same command may have the time."""

    def train_one(candidate: Recipe, own: Config, folder: Path, part: TimeLimit) -> TrainResult:
        raise NoStepError("train", "no step was made")

    config, whole = make_config("auto", {"trial": 16}), TimeLimit(1000.0)
    with pytest.raises(NoStepError, match="no candidate made a step"):
        successive_halving.halve_successively(
            pictures, AUTO, config, tmp_path, whole, train_one, lambda _: 1.0, False
        )
    best = successive_halving.halve_successively(
        pictures, AUTO, config, tmp_path, whole, train_quickly, lambda _: 1.0, False
    )
    assert best.model.config.recipe == "pixel"


def test_the_data_are_looked_at() -> None:
    noise_like = describe_images(look_alike(200, 1)[:, None])
    assert noise_like.is_binary_like
    assert noise_like.channels == 1
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 4 + 60, (10, 3, 32, 32))
    toned = describe_images(ramp)
    assert not toned.is_binary_like
    assert toned.flat == 0.0
    assert "colour" in toned.describe()
