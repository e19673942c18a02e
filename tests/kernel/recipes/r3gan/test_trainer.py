"""recipes.r3gan.trainer, its networks and its augmentation, against closed forms and autograd."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.r3gan import augment, losses
from lib.kernel.recipes.r3gan.networks import (
    LEAK,
    NOISE_STRENGTH,
    Block,
    R3ganCritic,
    R3ganGenerator,
    Resampling,
    clip,
)
from lib.kernel.recipes.r3gan.preset import R3GAN_PRESET
from lib.kernel.recipes.r3gan.recipe import R3GAN
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer, anneal
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.draw import draw_images
from lib.kernel.training.ema import ShareEma

pytestmark = pytest.mark.ships


CPU = Device(torch.device("cpu"), None, "cpu")


def small_config(**changes: Any) -> Config:
    return make_config("r3gan", {"width": 2, "batch": 8, "latent_dim": 4, "steps": 20, **changes})


def make_dots(count: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Independent dots: every turn, flip and shift leaves their statistics as they are."""
    dots = np.random.default_rng(seed).random((count, channels, 32, 32)) < 0.2
    return dots.astype(np.uint8) * 255


def stir(network: torch.nn.Module) -> torch.nn.Module:
    """A network -> the same in float64, its zeros replaced, as after some training."""
    for weight in network.parameters():
        if not weight.detach().any():
            torch.nn.init.normal_(weight, 0.0, 0.2)
    return network.double()


def test_pairing_loss_is_that_of_each_pair() -> None:
    better, worse = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(4.0))) / 2
    assert math.isclose(losses.pairing_loss(better, worse).item(), expected, rel_tol=1e-6)
    shifted = losses.pairing_loss(better + 9, worse + 9)
    torch.testing.assert_close(shifted, losses.pairing_loss(better, worse))


def test_zero_slope_penalty_is_half_the_mean_square_length_also_of_float16() -> None:
    slope = torch.full((3, 1, 32, 32), 20.0)  # its squares' sum overflows float16
    slope[1:] = 0.0
    found = losses.zero_gradient_penalty(slope.half()).item()
    assert math.isclose(found, 20.0**2 * 1024 / 2 / 3, rel_tol=1e-6)


@pytest.mark.parametrize(("channels", "side"), [(1, 32), (3, 32), (3, 28), (1, 64)])
def test_slope_and_its_gradients_are_those_of_autograd(channels: int, side: int) -> None:
    torch.manual_seed(1)
    critic = stir(R3ganCritic(8, channels, side))
    assert isinstance(critic, R3ganCritic)
    points = torch.randn(3, channels, side, side, dtype=torch.float64, requires_grad=True)
    wanted = critic(points)
    (slope,) = torch.autograd.grad(wanted.sum(), points, create_graph=True)
    scores, written_out = critic.score_and_gradient(points.detach())
    for one, other in ((scores, wanted), (written_out, slope)):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-5, atol=1e-7)
    weights = list(critic.parameters())
    found, expected = (
        torch.autograd.grad(score.sum() + by.double().square().sum(), weights)
        for score, by in ((scores, written_out), (wanted, slope))
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_slope_is_what_a_small_step_changes() -> None:
    torch.manual_seed(2)
    critic = stir(R3ganCritic(2, 1))
    assert isinstance(critic, R3ganCritic)
    point, way = torch.randn(2, 1, 1, 32, 32, dtype=torch.float64)
    _, slope = critic.score_and_gradient(point)
    step = 1e-4  # the scores are float32
    change = (critic(point + step * way) - critic(point - step * way)).item() / (2 * step)
    assert math.isclose((slope * way).sum().item(), change, rel_tol=2e-2)


def test_blocks_start_as_identities_of_the_published_scale() -> None:
    torch.manual_seed(0)
    block = Block(64, blocks=8, noise=0.25)
    values, noise = torch.randn(4, 64, 8, 8), torch.randn(4, 4, 8, 8)
    assert torch.equal(block(values, noise), values)
    gain = math.sqrt(2 / (1 + LEAK**2)) * 8**-0.25
    assert math.isclose(block.widen.weight.std().item() * 8, gain, rel_tol=0.03)
    assert math.isclose(block.mix.weight.std().item() * 12, gain, rel_tol=0.03)
    mixed = block.mix(F.leaky_relu(block.widen(values), LEAK))
    assert math.isclose(mixed.std().item(), gain**2 * math.sqrt((1 + LEAK**2) / 2), rel_tol=0.1)
    assert block.noise is not None
    assert math.isclose(block.noise(noise).std().item(), 0.25, rel_tol=0.2)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_keep_their_variance_through_all_layers_at_first(channels: int) -> None:
    torch.manual_seed(0)
    generator, critic = R3ganGenerator(64, 16, channels), R3ganCritic(16, channels)
    seen: list[float] = []
    generator.to_picture.register_forward_hook(lambda *call: seen.append(call[2].std().item()))
    pictures = generator(torch.randn(64, generator.numbers))
    assert pictures.shape == (64, channels, 32, 32)
    assert 0.2 < seen[0] < 2
    flat = torch.randn(256, channels, 1, 1).expand(-1, -1, 32, 32)  # resampling keeps these
    values = critic._describe(flat, None)
    first = critic.from_picture(flat)
    assert 0.5 < (values[..., 1:3, 1:3].std() / first.std()).item() < 2


def test_noise_is_strongest_at_full_size_and_moves_pixels_of_its_own() -> None:
    torch.manual_seed(0)
    generator = R3ganGenerator(8, 8, 1)
    blocks = [block for block in generator.layers if isinstance(block, Block)]
    for number, block in enumerate(blocks):
        assert block.noise is not None
        expected = NOISE_STRENGTH / 2 ** (3 - number // 2) / 2  # four noises share it
        assert math.isclose(block.noise.weight.std().item(), expected, rel_tol=0.35)
    stir(generator)
    normals = torch.randn(1, generator.numbers, dtype=torch.float64)
    other = normals.clone()
    other[:, -1] += 3.0  # the last block's noise at the last pixel
    changed = (generator(normals) != generator(other)).nonzero()[:, 2:]
    assert len(changed)
    assert changed.min() >= 30


def test_resampling_is_bilinear_and_its_transpose() -> None:
    layer = Resampling(3, 3)
    values = torch.randn(2, 3, 8, 8)
    wanted = F.interpolate(values, scale_factor=2, mode="bilinear")
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(layer.grow(values)[inside], wanted[inside])
    large = torch.randn(2, 3, 16, 16)
    line = F.pad(large, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2)
    kernel = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    torch.testing.assert_close(layer.shrink(large), line @ kernel @ kernel)
    torch.testing.assert_close(
        (layer.shrink(large) * values).sum(), (large * layer.turn_back(values)).sum()
    )


def test_clipped_values_can_come_back_but_not_go_further() -> None:
    values = torch.tensor([-2.0, -2.0, 0.5, 1.0, 3.0, 3.0], requires_grad=True)
    slopes = torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0, -1.0])
    pictures = clip(values)
    (found,) = torch.autograd.grad(pictures, values, slopes)
    assert pictures.tolist() == [-1.0, -1.0, 0.5, 1.0, 1.0, 1.0]
    assert found.tolist() == [0.0, -1.0, 1.0, 1.0, 1.0, 0.0]


def test_moves_are_the_turns_and_flips_they_are_called() -> None:
    image = np.arange(36).reshape(6, 6)
    turn, transpose = np.rot90, np.transpose
    wanted = {
        "none": image,
        "quarter turn": turn(image),
        "half turn": turn(image, 2),
        "three-quarter turn": turn(image, 3),
        "left-right flip": image[:, ::-1],
        "upside-down flip": image[::-1],
        "flip about the diagonal": transpose(image),
        "flip about the other diagonal": transpose(turn(image, 2)),
    }
    for number, name in enumerate(augment.MOVES):
        assert np.array_equal(augment.move_index(number, 6).view(6, 6).numpy(), wanted[name]), name
    assert augment.shift_index(1, 2, 6).view(6, 6)[1, 2] == 0


def test_only_changes_that_the_statistics_do_not_show_are_allowed() -> None:
    every = augment.measure_symmetries(make_dots(600), 0)
    assert set(every.moves) >= {1, 2, 4, 6}
    assert every.shift == max(augment.SHIFTS)
    boxes = np.zeros((600, 1, 32, 32), np.uint8)
    boxes[:, :, 4:28, 4:28] = make_dots(600)[:, :, 4:28, 4:28]
    boxed = augment.measure_symmetries(boxes, 0)
    assert set(boxed.moves) >= {2, 4}
    assert boxed.shift == 0
    left_darker = boxes.copy()
    left_darker[..., :16] //= 2
    assert set(augment.measure_symmetries(left_darker, 0).moves) <= {6}
    slanted = make_dots(600)
    slanted |= np.roll(slanted, (1, 1), (2, 3))  # means are even, neighbours are not
    assert not set(augment.measure_symmetries(slanted, 0).moves) & {1, 3, 4, 6}
    assert not augment.measure_symmetries(make_dots(3), 0)


def test_changed_pictures_hold_the_same_pixels_and_can_be_changed_back() -> None:
    symmetries = augment.Symmetries((1, 2, 3, 4, 5, 6, 7), 4)
    images = torch.arange(2.0 * 64 * 1024).view(64, 2, 32, 32)
    random = torch.Generator().manual_seed(0)
    mover = augment.Mover(symmetries, 32, CPU.torch_device)
    places = mover.draw_places(64, 0.55, random)
    moved = augment.move_pixels(images, places)
    back = torch.empty_like(places).scatter_(1, places, torch.arange(1024).expand(64, -1))
    assert torch.equal(augment.move_pixels(moved, back), images)
    unmoved = (places == torch.arange(1024)).all(1).float().mean().item()
    assert 0.1 < unmoved < 0.4  # about 0.45 x 0.45
    still = mover.draw_places(64, 0.0, random)
    assert torch.equal(augment.move_pixels(images, still), images)


def test_schedules_reach_their_ends_half_way_and_stay() -> None:
    assert anneal(2.0, 1.0, 0.0) == 2.0
    assert math.isclose(anneal(2.0, 1.0, 0.25), 1.5)
    assert anneal(2.0, 1.0, 0.5) == anneal(2.0, 1.0, 1.0) == 1.0
    trainer = R3ganTrainer(make_dots(20), small_config(), CPU)
    trainer.train_step(0, 0.0)
    (group,) = trainer._critic_adam.param_groups
    assert math.isclose(group["lr"], 2e-4 * math.sqrt(128 / 2))
    assert group["betas"] == (0.0, 0.9)
    trainer.lr_scale = 0.5
    trainer.train_step(1, 1.0)
    assert math.isclose(group["lr"], 0.25e-4 * math.sqrt(128 / 2))
    assert group["betas"] == (0.0, 0.99)


def test_an_average_s_half_life_is_its_share_of_the_run() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(0.0)
    ema = ShareEma(network, 0.1)
    for step in range(1100):
        network.weight.data.fill_(float(step >= 1000))
        ema.update(network)
    assert math.isclose(ema.network.weight.item(), 0.5, abs_tol=0.03)  # 1,050 x 0.1 steps ago


def test_samplers_are_averages_by_name_the_default_first() -> None:
    trainer = R3ganTrainer(make_dots(20), small_config(), CPU)
    for step in range(4):
        trainer.train_step(step, step / 4)
    samplers = trainer.samplers()
    assert list(samplers) == ["average of 5%", "average of 15%", "average of 2%"]
    assert trainer.sampler() is samplers["average of 5%"]
    names = [name for name, _ in trainer.generator.named_parameters()]
    assert "basis" in names
    firsts = [network.state_dict()["basis"] for network in samplers.values()]
    assert not torch.equal(firsts[0], firsts[1])
    assert all(not network.training for network in samplers.values())


@pytest.mark.parametrize("channels", [1, 3])
def test_images_do_not_depend_on_their_count_and_temperature_scales_all_numbers(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 8)
    torch.manual_seed(0)
    network = stir(R3ganGenerator(4, 2, channels)).float().eval()
    config = small_config()
    some, more = (draw_images(R3GAN, network, count, config, CPU, "sample") for count in (5, 11))
    assert more.shape == (11, channels, 32, 32)
    assert np.array_equal(some, more[:5])
    cold = draw_images(R3GAN, network, 5, small_config(temperature=0.01), CPU, "sample")
    assert cold.astype(float).std(0).mean() < 0.2 * some.astype(float).std(0).mean()


def test_a_short_training_brings_the_means_nearer() -> None:
    images = np.zeros((64, 1, 32, 32), np.uint8)
    images[:, :, 4:28, 4:28] = 255
    trainer = R3ganTrainer(images, small_config(width=4, batch=16, lr=3.5e-4), CPU)

    def distance() -> float:
        samples = draw_images(R3GAN, trainer.generator, 16, trainer.config, CPU, "test")
        return float(np.abs(samples.mean(0) - images.mean(0)).mean())

    start = distance()
    for step in range(60):
        found = trainer.train_step(step, 0.0)
    assert set(found) == {"critic", "gap", "r1", "r2", "generator"}
    assert distance() < 0.5 * start


def test_a_critic_s_values_lie_by_channel_from_end_to_end() -> None:
    """Grey pictures lie in either order, and one 1x1 convolution kept the slower one throughout."""
    critic, values = R3ganCritic(16, 1), []
    for block in critic.modules():
        if isinstance(block, Block):
            block.register_forward_hook(lambda module, given, result: values.append(result))
    critic(torch.randn(4, 1, 32, 32))
    assert len(values) == 8
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in values)


def test_half_precision_gives_nearly_the_same_scores_and_slopes() -> None:
    torch.manual_seed(0)
    critic = stir(R3ganCritic(8, 1)).float()
    assert isinstance(critic, R3ganCritic)
    points = torch.randn(4, 1, 32, 32)
    scores, slope = critic.score_and_gradient(points)
    with torch.autocast("cpu", torch.bfloat16):
        nearly, nearly_slope = critic.score_and_gradient(points)
    assert (nearly.dtype, nearly_slope.dtype) == (torch.float32, torch.float32)
    assert (nearly - scores).abs().max() < 0.05 * scores.abs().max()
    assert (nearly_slope - slope).norm() < 0.2 * slope.norm()


def test_a_step_in_bfloat16_changes_every_weight() -> None:
    trainer = R3ganTrainer(
        make_dots(20), small_config(), Device(CPU.torch_device, torch.bfloat16, "cpu")
    )
    before = [weight.detach().clone() for weight in trainer.generator.parameters()]
    for step in range(2):  # at the first only what follows the zeros has a gradient
        found = trainer.train_step(step, 0.5)
    assert all(value.isfinite() for value in found.values())
    weights = trainer.generator.parameters()
    assert not any(torch.equal(*pair) for pair in zip(before, weights, strict=True))


def test_sizes_left_open_suit_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    config = make_config("r3gan", {})
    on_gpu = R3GAN_PRESET.sizes.settle(config, is_cuda=True)
    on_cpu = R3GAN_PRESET.sizes.settle(config, is_cuda=False)
    assert 0 < on_cpu.width < on_gpu.width
    assert 0 < on_cpu.batch < on_gpu.batch
    assert capsys.readouterr().out.count("suits") == 2
