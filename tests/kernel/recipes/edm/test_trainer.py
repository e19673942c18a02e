"""lib.kernel.recipes.edm.trainer, denoiser, heun, unet against closed forms of Gaussian data."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.denoiser import Denoiser, as_scale, precondition
from lib.kernel.recipes.edm.heun import SIGMA_MAX, SIGMA_MIN, list_sigmas, solve_heun
from lib.kernel.recipes.edm.losses import denoising_loss, draw_sigmas
from lib.kernel.recipes.edm.preset import EDM_PRESET
from lib.kernel.recipes.edm.trainer import EdmTrainer, spread_sigmas
from lib.kernel.recipes.edm.unet import UNet, UNetShape
from lib.kernel.recipes.table import make_config

CPU = Device(torch.device("cpu"), None, "cpu")
Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def small_config(**changes: int | float) -> Config:
    return make_config("edm", {"width": 8, "depth": 1, "batch": 16, "steps": 60, **changes})


def make_images(channels: int = 1, count: int = 150) -> np.ndarray:
    random = np.random.default_rng(3)
    images = np.zeros((count, channels, 32, 32), np.uint8)
    for image in images:
        top, left = random.integers(0, 12, 2)
        image[:, top : top + 20, left : left + 20] = 255
    return images


@pytest.mark.parametrize("sigma_data", [0.5, 1.3])
@pytest.mark.parametrize("sigma", [0.01, 0.5, 20.0])
def test_inputs_and_targets_of_gaussian_data_have_unit_variance(
    sigma: float, sigma_data: float
) -> None:
    random = torch.Generator().manual_seed(1)
    data = torch.randn(400_000, generator=random, dtype=torch.float64) * sigma_data
    noisy = data + sigma * torch.randn(400_000, generator=random, dtype=torch.float64)
    scales = precondition(torch.tensor([sigma]).double(), torch.tensor(sigma_data).double())
    skip, out, into, condition = (float(scale) for scale in scales)
    target = (data - skip * noisy) / out  # what F must say: eq. 8
    assert math.isclose((into * noisy).std().item(), 1.0, rel_tol=0.01)
    assert math.isclose(target.std().item(), 1.0, rel_tol=0.01)
    assert abs((target * noisy).mean().item()) < 0.01 * noisy.std().item()  # c_skip says all it can
    assert condition == pytest.approx(math.log(sigma) / 4)


def test_an_untrained_model_has_a_loss_of_one_at_every_noise_level() -> None:
    random = torch.Generator().manual_seed(1)
    denoiser = Denoiser(UNetShape(1, 8, 1))
    denoiser.sigma_data.fill_(0.7)
    clean = torch.randn(64, 1, 32, 32, generator=random) * 0.7
    for sigma in (0.02, 0.7, 30.0):
        sigmas = torch.full((64,), sigma)
        noisy = clean + sigma * torch.randn(clean.shape, generator=random)
        loss = denoising_loss(denoiser(noisy, sigmas), clean, sigmas, denoiser.sigma_data)
        assert math.isclose(loss.item(), 1.0, rel_tol=0.02)


def test_the_weight_of_the_loss_is_one_over_c_out_squared() -> None:
    sigmas, sigma_data = torch.tensor([0.1, 3.0]), torch.tensor(0.8)
    error = torch.ones(2, 1, 4, 4)
    _, out, _, _ = precondition(sigmas, sigma_data)
    found = denoising_loss(error, 0 * error, sigmas, sigma_data)
    assert found.item() == pytest.approx((1 / out.square()).mean().item(), rel=1e-5)


def test_spread_noise_levels_are_the_lognormal_s_whatever_the_start() -> None:
    for start in (0.0, 0.3, 0.99):
        logs = spread_sigmas(torch.tensor(start), 4096).log()
        assert logs.mean().item() == pytest.approx(-1.2, abs=0.01)
        assert logs.std().item() == pytest.approx(1.2, abs=0.01)
        assert logs.isfinite().all()
    assert draw_sigmas(torch.tensor([0.5])).log().item() == pytest.approx(-1.2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [2, 12, 64])
def test_any_width_makes_pictures_of_the_same_shape_from_each_by_itself(
    channels: int, width: int
) -> None:
    torch.manual_seed(1)
    network = UNet(UNetShape(channels, width, 1))
    pictures, conditions = torch.randn(2, channels, 32, 32), torch.tensor([-1.0, 0.5])
    assert not network(pictures, conditions).any()  # the last layers begin at zero
    for weight in network.parameters():
        nn.init.normal_(weight, 0.0, 0.1)
    both = network(pictures, conditions)
    assert both.shape == pictures.shape
    alone = network(pictures[1:], conditions[1:])
    torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-4)
    assert not torch.equal(alone, network(pictures[1:], conditions[:1]))


def test_the_gpu_s_network_has_about_as_many_weights_as_planned() -> None:
    sizes, usual = EDM_PRESET.sizes, make_config("edm", {})
    on_gpu = sizes.settle(usual, is_cuda=True)
    network = UNet(UNetShape(1, on_gpu.width, on_gpu.depth))
    assert 8e6 < sum(weight.numel() for weight in network.parameters()) < 16e6
    on_cpu = sizes.settle(usual, is_cuda=False)
    assert on_cpu.width < on_gpu.width
    given = small_config()
    assert sizes.settle(given, is_cuda=False) == given


@pytest.mark.parametrize("channels", [1, 3])
def test_the_data_s_own_mean_and_deviation_are_measured_and_kept(channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 200, (150, channels, 32, 32), dtype=np.uint8)
    images[:, 0] //= 2
    trainer = EdmTrainer(images, small_config(), CPU)
    pictures = trainer.images.double() / 127.5 - 1
    mean = pictures.mean((0, 2, 3))
    expected = (pictures - mean.view(-1, 1, 1)).square().mean().sqrt().item()
    kept = trainer.export()
    assert kept["sigma_data"].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(kept["mean"].flatten().double(), mean, rtol=1e-5, atol=1e-6)
    normal = trainer.model.normalise(trainer.images)
    assert abs(normal.mean().item()) < 1e-5
    assert torch.equal(trainer.model.denormalise(normal), trainer.images)


def gaussian_denoiser(mean: torch.Tensor, spread: torch.Tensor) -> Denoise:
    """E[y | x] of independent y ~ N(mean, spread^2): the exact denoiser, in closed form."""

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        noise = as_scale(sigma).square()
        return (spread.square() * noisy + noise * mean) / (spread.square() + noise)

    return denoise


def test_noise_levels_fall_from_sigma_max_to_zero_as_eq_5_says() -> None:
    sigmas = list_sigmas(18)
    assert len(sigmas) == 19
    assert (sigmas[0], sigmas[-1]) == (pytest.approx(SIGMA_MAX), 0.0)
    assert sigmas[17] == pytest.approx(SIGMA_MIN)
    roots = np.diff(np.array(sigmas[:-1]) ** (1 / 7))
    assert np.allclose(roots, roots[0])
    assert roots[0] < 0


@pytest.mark.parametrize(("steps", "tolerance"), [(18, 0.1), (128, 0.01)])
def test_the_exact_denoiser_of_a_gaussian_gives_its_mean_and_deviation(
    steps: int, tolerance: float
) -> None:
    mean, spread = torch.tensor([0.3, -0.8]).view(2, 1, 1), torch.tensor([0.5, 0.1]).view(2, 1, 1)
    noise = torch.randn(4000, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    samples = solve_heun(gaussian_denoiser(mean, spread), noise, steps)
    assert samples.dtype == torch.float32
    for channel in range(2):
        found, drawn = samples[:, channel], noise[:, channel].std().item()
        assert found.mean().item() == pytest.approx(mean[channel].item(), abs=0.02)
        wide = found.std().item() / (spread[channel].item() * drawn)
        assert wide == pytest.approx(1.0, abs=tolerance)


def solve_euler(denoise: Denoise, noise: torch.Tensor, steps: int) -> torch.Tensor:
    sigmas = list_sigmas(steps)
    pictures = noise * sigmas[0]
    for number, sigma in enumerate(sigmas[:-1]):
        slope = (pictures - denoise(pictures, torch.full((len(noise),), sigma))) / sigma
        pictures = pictures + (sigmas[number + 1] - sigma) * slope
    return pictures


def test_heun_s_error_falls_with_the_square_of_the_steps_and_euler_s_with_the_steps() -> None:
    mean, spread = torch.zeros(1, 1, 1).double(), torch.ones(1, 1, 1).double()
    denoise = gaussian_denoiser(mean, spread)
    noise = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    exact = SIGMA_MAX / math.sqrt(SIGMA_MAX**2 + 1)  # x / sqrt(sigma^2 + 1) stays as it is
    errors = {
        solve: [abs(solve(denoise, noise, steps).item() - exact) for steps in (32, 64, 128)]
        for solve in (solve_heun, solve_euler)
    }
    for order, solve in ((2, solve_heun), (1, solve_euler)):
        first, second, third = errors[solve]
        assert math.log2(first / second) == pytest.approx(order, abs=0.35)
        assert math.log2(second / third) == pytest.approx(order, abs=0.35)
    assert errors[solve_heun][2] < 0.1 * errors[solve_euler][2]


def test_a_resumed_trainer_makes_the_same_steps_to_the_bit() -> None:
    images, config = make_images(), small_config()
    whole = EdmTrainer(images, config, CPU)
    for step in range(6):
        if step == 3:
            parts = EdmTrainer(images, config, CPU)
            state = whole.state_dict()
            copied = {name: _copy(part) for name, part in state["parts"].items()}
            parts.load_state_dict({**state, "parts": copied})
        whole.train_step(step, step / 6)
    for step in range(3, 6):
        parts.train_step(step, step / 6)
    for (name, one), other in zip(whole.samplers().items(), parts.samplers().values(), strict=True):
        for key, weight in one.state_dict().items():
            assert torch.equal(weight, other.state_dict()[key]), (name, key)


def _copy(state: object) -> object:
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    return [_copy(value) for value in state] if isinstance(state, list) else state


def test_a_short_training_lowers_the_held_out_loss_and_keeps_two_averages() -> None:
    trainer = EdmTrainer(make_images(), small_config(lr=5e-3), CPU)
    start = trainer.validate()["score"]
    for step in range(60):
        trainer.train_step(step, step / 60)
    assert trainer.validate()["score"] < 0.8 * start
    assert list(trainer.samplers()) == ["average", "short average"]
    long, short = (network.state_dict() for network in trainer.samplers().values())
    assert not torch.equal(long["network.first.weight"], short["network.first.weight"])


def test_temperature_widens_what_is_drawn() -> None:
    noise = torch.randn(2000, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    denoise = gaussian_denoiser(torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    deviations = [solve_heun(denoise, noise * factor).std().item() for factor in (1.0, 1.1)]
    assert deviations[1] / deviations[0] == pytest.approx(1.1, rel=1e-3)
