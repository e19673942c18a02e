"""training.fid_gradient, fid_finetune: value and slope against fid.py, preprocessing, lower FID."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.base.errors import PipelineError
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics import features
from lib.kernel.metrics.features import Extractor, load_extractor
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor
from lib.kernel.metrics.preprocess import resize_on_device
from lib.kernel.metrics.reference import Reference
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.model_file import Model, read_model, write_model
from lib.kernel.training import fid_finetune, fid_population
from lib.kernel.training.fid_finetune import Finetuning, finetune_by_fid
from lib.kernel.training.fid_gradient import FidGradient, enlarge
from lib.kernel.training.fid_population import draw_population
from tests.small import as_model, build_network

CPU = Device(torch.device("cpu"), None, "cpu")

WIDTH = 12


def draw(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """(count, WIDTH) float64 with an Inception-like, falling spectrum, correlated."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    scale = np.arange(1, WIDTH + 1) ** -0.7
    return (rng.standard_normal((count, WIDTH)) * scale) @ mix + shift


REAL = features_to_statistics(draw(500, 2, 0.3))


@pytest.mark.parametrize("count", [WIDTH // 2, 100])
def test_the_value_is_the_fid_of_the_same_set(count: int) -> None:
    own = draw(count, 3)
    slope = FidGradient(torch.from_numpy(own), REAL)
    assert slope.value == pytest.approx(frechet_distance(own, REAL), rel=1e-6)


def test_the_gradient_is_that_of_fid_by_finite_differences() -> None:
    own = draw(60, 4)
    slope = FidGradient(torch.from_numpy(own), REAL)
    batch = torch.from_numpy(own.copy()).requires_grad_()
    slope.loss(batch).backward()
    assert batch.grad is not None
    step = 1e-5
    for row, column in ((0, 0), (7, 3), (31, 11), (59, 5)):
        sides = []
        for sign in (1, -1):
            moved = own.copy()
            moved[row, column] += sign * step
            sides.append(frechet_distance(moved, REAL))
        expected = (sides[0] - sides[1]) / (2 * step)
        assert float(batch.grad[row, column]) == pytest.approx(expected, rel=1e-4, abs=1e-8)


def test_absorbing_everything_makes_the_batch_the_population() -> None:
    before, after = draw(80, 5, 2.0), draw(80, 6)
    slope = FidGradient(torch.from_numpy(before), REAL)
    slope.absorb(torch.from_numpy(after), decay=0.0)
    slope.refresh()
    assert slope.value == pytest.approx(frechet_distance(after, REAL), rel=1e-6)


def test_a_small_generator_lowers_its_fid() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 32), torch.nn.SiLU(), torch.nn.Linear(32, WIDTH)
    )
    random = torch.Generator().manual_seed(1)
    adam = torch.optim.Adam(network.parameters(), 3e-3)
    with torch.no_grad():
        slope = FidGradient(network(torch.randn(1000, WIDTH, generator=random)), REAL)
    held_out = torch.randn(1000, WIDTH, generator=random)
    before = frechet_distance(network(held_out).detach().numpy(), REAL)
    for step in range(600):
        features = network(torch.randn(64, WIDTH, generator=random))
        adam.zero_grad()
        slope.loss(features).backward()
        adam.step()
        slope.absorb(features, decay=0.95)
        if step % 5 == 0:
            slope.refresh()
    after = frechet_distance(network(held_out).detach().numpy(), REAL)
    assert after < 0.1 * before


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_enlarged_as_the_fast_path_does_and_gradients_pass(channels: int) -> None:
    images = np.random.default_rng(7).integers(0, 256, (2, channels, 32, 32), dtype=np.uint8)
    pictures = torch.from_numpy(images).float().div(127.5).sub(1.0).requires_grad_()
    large = enlarge(pictures)
    expected = resize_on_device(torch.from_numpy(images).expand(-1, 3, -1, -1))
    assert torch.equal(large, expected)
    large.sum().backward()
    assert pictures.grad is not None
    share = 127.5 / 255 * (299 / 32) ** 2 * 3 / channels
    assert float(pictures.grad[..., 8:24, 8:24].mean()) == pytest.approx(share, rel=0.02)


@pytest.mark.parametrize(("channels", "px"), [(1, 299), (3, 299), (3, 75)])
def test_enlarging_is_its_formula_to_the_bit(channels: int, px: int) -> None:
    """Both sides of FID as a loss: levels rounded three times, gradients as if none were."""

    def pass_rounding(values: torch.Tensor) -> torch.Tensor:
        return values + (values.round() - values).detach()

    def resize(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return torch.nn.functional.interpolate(
            values, size=size, mode="bilinear", align_corners=False
        )

    draw = torch.Generator().manual_seed(8)
    pictures = 2.4 * torch.rand((2, channels, 32, 32), generator=draw) - 1.2
    one, two = pictures.clone().requires_grad_(), pictures.clone().requires_grad_()
    levels = pass_rounding((one * 127.5 + 127.5).clamp(0.0, 255.0)).expand(-1, 3, -1, -1)
    expected = pass_rounding(resize(pass_rounding(resize(levels, (32, px))), (px, px))) / 255
    large = enlarge(two, px)
    assert torch.equal(large, expected)
    weight = torch.rand(large.shape, generator=draw)
    (expected * weight).sum().backward()
    (large * weight).sum().backward()
    assert one.grad is not None
    assert two.grad is not None
    assert torch.equal(one.grad, two.grad)
    pixels = levels.detach().to(torch.uint8)
    plain = resize(resize(pixels.float(), (32, px)).round(), (px, px)).round() / 255
    assert torch.equal(resize_on_device(pixels, px), plain)
    assert torch.equal(plain, large)


def test_one_sample_is_no_population() -> None:
    with pytest.raises(PipelineError, match="two samples"):
        FidGradient(torch.zeros(1, WIDTH), REAL)


def measure_slope(samples: int) -> float:
    """Samples of a perfect generator -> its slope's length, a share of the samples' spread.

    For n samples of D independent features W = I - S^(-1/2), S their covariance, whose
    eigenvalues scatter by 1 +- sqrt(D / n): the length is about sqrt(D / n) / 2.
    """
    lengths = []
    exact = Statistics(np.zeros(WIDTH), np.eye(WIDTH), 10**9)
    for seed in range(40):
        random = torch.Generator().manual_seed(seed)
        perfect = torch.randn((samples, WIDTH), generator=random, dtype=torch.float64)
        fresh = torch.randn((500, WIDTH), generator=random, dtype=torch.float64).requires_grad_()
        FidGradient(perfect, exact).loss(fresh).backward()
        assert fresh.grad is not None
        lengths.append(float((fresh.grad * len(fresh)).norm() / (2 * fresh.detach().norm())))
    return float(np.median(lengths))


def draw_first(width: int, batch: int, until: float = math.inf) -> torch.Tensor:
    return draw_population(lambda number: torch.full((batch, width), float(number)), width, until)


def test_a_perfect_generator_is_hardly_pushed_by_its_first_population() -> None:
    for width, batch in ((WIDTH, 8), (WIDTH, 64), (2048, 64)):
        count = len(draw_first(width, batch))
        assert 8 * width <= count < 8 * width + batch
    length = measure_slope(len(draw_first(WIDTH, 8)))
    assert length < 0.8 * measure_slope(4 * WIDTH)
    assert length == pytest.approx(math.sqrt(1 / 8) / 2, rel=0.35)
    assert measure_slope(round(0.98 * WIDTH)) > 4 * length  # as many as 2,000 are for 2,048


def test_the_batches_of_a_population_are_those_of_its_numbers() -> None:
    assert draw_first(WIDTH, 32)[::32, 0].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("share", "count"), [(0.1, None), (0.8, 61), (3.0, 96)])
def test_a_population_takes_half_of_the_time_or_is_refused(
    share: float, count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image takes a second by a clock of our own; half of the time suffices for a share."""
    clock = [100.0]
    monkeypatch.setattr(fid_population.time, "monotonic", lambda: clock[0])

    def look(number: int) -> torch.Tensor:
        clock[0] += 1.0
        return torch.zeros((1, WIDTH))

    until = 100.0 + 2 + 2 * share * 74
    if count is None:
        with pytest.raises(PipelineError, match="first population of 49 images takes 47 s"):
            draw_population(look, WIDTH, until)
        assert clock[0] == 102.0  # refused after two batches
    else:
        assert len(draw_population(look, WIDTH, until)) == count
        assert clock[0] - 100.0 == count


class Means(torch.nn.Module):
    """In Inception's place: 2 x 2 means of the picture, 12 features."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(pictures, 2).flatten(1)


@pytest.fixture(scope="module")
def looker() -> Iterator[Extractor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "FEATURES", WIDTH)
        yield dataclasses.replace(load_extractor(Config(), None, CPU), network=Means())


@pytest.fixture(scope="module")
def real(looker: Extractor) -> Reference:
    bright = np.random.default_rng(0).integers(150, 256, (160, 1, 1, 1)).astype(np.uint8)
    rows = looker.extract(np.broadcast_to(bright, (160, 3, 32, 32)).copy())
    return Reference(rows, features_to_statistics(rows), measure_floor(rows, 2, 0))


def finish(
    folder: Path, looker: Extractor, real: Reference, seconds: float = 60.0, **changes: Any
) -> tuple[Model, Model, Finetuning | None]:
    """A new r3gan generator's model -> the model after the stretch, what it did."""
    sizes = {"width": 2, "latent_dim": 4, "steps": 40, "fid_loss": 0.5}
    config = make_config("r3gan", {**sizes, **changes})
    torch.manual_seed(3)
    weights = build_network(config, 1).state_dict()
    before = as_model(write_model(folder / "model.pt", weights, config, 1), config)
    after, stretch = finetune_by_fid(before, CPU, looker, real, seconds)
    return before, after, stretch


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BATCH", 8), ("GUARD_ON_CPU", 16), ("REFRESH", 5), ("RATE", 0.01)):
        monkeypatch.setattr(fid_finetune, name, value)
    monkeypatch.setattr(drawing, "CHUNK", 16)


def test_a_better_generator_is_kept_and_found_again(
    tmp_path: Path,
    looker: Extractor,
    real: Reference,
    small: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, after, stretch = finish(tmp_path, looker, real)
    assert stretch is not None
    assert stretch.after < 0.8 * stretch.before
    assert stretch.steps == 20  # half of the run's 40
    assert stretch.population == 96  # eight for each of 12 features
    assert after != before
    assert after.path.read_bytes() != before.path.read_bytes()
    assert read_model(after, CPU).numbers
    assert "(kept)" in capsys.readouterr().out
    again = finetune_by_fid(before, CPU, looker, real, 60.0)
    assert again == (after, stretch)
    assert capsys.readouterr().out == ""


def test_what_is_no_better_is_dropped(
    tmp_path: Path,
    looker: Extractor,
    real: Reference,
    small: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fid_finetune, "RATE", 1e4)
    before, after, stretch = finish(tmp_path, looker, real)
    assert after == before
    assert stretch is not None
    assert stretch.after == stretch.before
    said = capsys.readouterr().out
    assert "no longer finite" in said
    assert "dropped: no better" in said


def test_a_stretch_too_short_for_its_population_leaves_the_weights_and_says_so(
    tmp_path: Path,
    looker: Extractor,
    real: Reference,
    small: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, after, stretch = finish(tmp_path, looker, real, seconds=1e-3, steps=0)
    assert (after, stretch) == (before, None)
    assert "fid loss: none: a first population of 56 images takes" in capsys.readouterr().out


def test_other_recipes_and_the_switch_leave_the_weights_alone(
    tmp_path: Path, looker: Extractor, real: Reference, small: None
) -> None:
    before, after, stretch = finish(tmp_path, looker, real, fid_loss=0.0)
    assert (after, stretch) == (before, None)
    config = dataclasses.replace(
        make_config("pixel", {"width": 16, "depth": 1, "clusters": 3}), fid_loss=0.5
    )
    weights = build_network(config, 1).state_dict()
    model = as_model(write_model(tmp_path / "pixel.pt", weights, config, 1), config)
    assert finetune_by_fid(model, CPU, looker, real, 60.0) == (model, None)
