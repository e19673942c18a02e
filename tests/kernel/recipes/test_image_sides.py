"""Recipes at sides other than 32 px: they train, keep their side in the model file and draw."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.unet import UNetShape
from lib.kernel.recipes.pixel import sampler
from lib.kernel.recipes.r3gan.networks import NOISE_STRENGTH, Block, R3ganGenerator, list_stages
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.draw import count_drawn, draw_images, sample_images
from lib.kernel.sampling.model_file import read_model, write_model
from tests.small import PRESETS, as_model, keep_used, make_trainer, resolve_sizes

pytestmark = pytest.mark.ships

CPU = Device(torch.device("cpu"), None, "cpu")
SIDES = (28, 32, 64, 96)
CHANNELS = (1, 3)
PAIRS = [(name, side) for name in ("r3gan", "edm", "pixel") for side in PRESETS[name].image_px]


class EnoughError(Exception):
    """The beginning of a picture was drawn, and that is all a test has time for."""


def make_tiny(recipe: str, side: int, **more: Any) -> Config:
    tiny = {"width": 8, "depth": 1, "batch": 4, "targets": 16, "latent_dim": 4, "clusters": 2}
    return dataclasses.replace(make_config(recipe, keep_used(recipe, tiny | more)), image_px=side)


def make_images(side: int, channels: int) -> np.ndarray:
    shape = (8, channels, side, side)
    return np.random.default_rng(side).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("recipe", "side"), PAIRS)
def test_two_steps_and_equal_draws_at_every_side(recipe: str, side: int, channels: int) -> None:
    config = make_tiny(recipe, side)
    trainer = make_trainer(make_images(side, channels), config, CPU)
    before = {name: weight.clone() for name, weight in trainer.export().items()}
    for step in range(2):
        losses = trainer.train_step(step, 0.25 + step / 4)
        assert all(math.isfinite(loss) for loss in losses.values())
    assert any(not torch.equal(weight, before[name]) for name, weight in trainer.export().items())
    with torch.inference_mode():
        drawn = draw_beginning(recipe, trainer.sampler(), config)
        again = draw_beginning(recipe, trainer.sampler(), config)
    assert drawn.shape == (1, channels, side, side)
    assert drawn.dtype == torch.uint8
    assert len(drawn.unique()) > 1
    assert torch.equal(drawn, again)


def draw_beginning(recipe: str, network: Any, config: Config) -> torch.Tensor:
    """A picture, of which pixel draws only the first rows, for the time's sake."""
    begun: list[torch.Tensor] = []

    def tick(share: float) -> None:
        if recipe == "pixel" and share >= 3 / 64:
            raise EnoughError

    def keep_walk(*inputs: Any) -> Any:
        begun.append((walk := plain(*inputs)).images)
        return walk

    plain = sampler.PixelWalk
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "PixelWalk", keep_walk)
        random = torch.Generator().manual_seed(3)
        try:
            return load_recipe(recipe).draw(network, 1, random, config, CPU, tick)
        except EnoughError:
            return begun[0]


@pytest.mark.parametrize("recipe", ["r3gan", "edm"])
def test_a_model_file_keeps_the_side(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 2)
    config = make_tiny(recipe, 64)
    network = make_trainer(make_images(64, 3), config, CPU).sampler()
    path = write_model(tmp_path / "model.pt", network.state_dict(), config, 3)
    other = as_model(path, make_tiny(recipe, 32))  # the file's own side counts
    drawn = sample_images(as_model(path, config), 1, CPU)
    assert drawn.shape == (1, 3, 64, 64)
    assert np.array_equal(
        drawn, draw_images(load_recipe(recipe), network, 1, config, CPU, "sample")
    )
    for name, weight in read_model(other, CPU).state_dict().items():
        assert torch.equal(weight, network.state_dict()[name])


def test_a_model_file_keeps_the_side_of_pixel(tmp_path: Path) -> None:
    """Once, only a Config of that side could read it."""
    config = make_tiny("pixel", 64)
    network = make_trainer(make_images(64, 1), config, CPU).sampler()
    path = write_model(tmp_path / "model.pt", network.state_dict(), config, 1)
    found = read_model(as_model(path, make_tiny("pixel", 32)), CPU)
    assert found.shape == network.shape
    assert found.shape.side == 64
    images = torch.from_numpy(make_images(64, 1))[:2]
    places, codes = torch.tensor([[0, 4095], [64, 100]]), torch.tensor([0, 1])
    assert torch.equal(found(images, places, codes), network(images, places, codes))


def test_the_sides_that_each_recipe_makes() -> None:
    sides = {name: tuple(preset.image_px) for name, preset in PRESETS.items()}
    assert sides["r3gan"] == sides["edm"] == SIDES
    assert sides["pixel"] == (28, 32, 64)
    assert sides["first-seed"] == sides["second-seed"] == (32,)
    able = load_recipe("auto").keep_able(96).candidates
    assert [each.name for each in able] == ["r3gan", "edm"]


def test_stages_of_r3gan_double_from_4_to_7_px_and_halve_their_width_beyond_32_px() -> None:
    assert list_stages(32, 128) == ([4, 8, 16, 32], [384, 384, 256, 128])
    assert list_stages(28, 128) == ([7, 14, 28], [384, 256, 128])
    assert list_stages(64, 128) == ([4, 8, 16, 32, 64], [384, 384, 256, 128, 64])
    assert list_stages(96, 8) == ([6, 12, 24, 48, 96], [24, 16, 8, 4, 4])
    with pytest.raises(AssertionError, match="30 px"):
        list_stages(30, 8)


@pytest.mark.parametrize("side", [28, 64, 96])
def test_pixel_noise_of_r3gan_is_strongest_at_the_picture_s_own_side(side: int) -> None:
    torch.manual_seed(0)
    generator = R3ganGenerator(8, 16, 1, side)
    sides, _ = list_stages(side, 16)
    assert generator.numbers == 8 + 8 * sum(each**2 for each in sides)
    blocks = [block for block in generator.layers if isinstance(block, Block)]
    strengths = [block.noise.weight.std().item() * 2 for block in blocks if block.noise]
    for strength, each in zip(strengths[::2], sides, strict=True):
        assert math.isclose(strength, NOISE_STRENGTH * each / side, rel_tol=0.35)


def test_scales_of_edm_halve_to_12_px_or_less_and_attend_on_up_to_16_px() -> None:
    sides = {side: UNetShape(1, 8, 1, side).sides for side in SIDES}
    assert sides[28] == [28, 14, 7]
    assert sides[32] == [32, 16, 8]
    assert sides[64] == [64, 32, 16, 8]
    assert sides[96] == [96, 48, 24, 12]
    with pytest.raises(AssertionError, match="30"):
        _ = UNetShape(1, 8, 1, 30).sides


@pytest.mark.parametrize("recipe", ["r3gan", "edm", "pixel"])
def test_batches_and_chunks_shrink_as_images_grow(recipe: str) -> None:
    usual = resolve_sizes(make_config(recipe, {}), is_cuda=True)
    for side, divisor in ((8, 1), (28, 1), (32, 1), (33, 2), (64, 2), (96, 4), (128, 4)):
        sized = dataclasses.replace(make_config(recipe, {}), image_px=side)
        settled = resolve_sizes(sized, is_cuda=True)
        assert settled == dataclasses.replace(usual, batch=usual.batch // divisor, image_px=side)
        given = dataclasses.replace(sized, batch=50)
        assert resolve_sizes(given, is_cuda=True).batch == 50
        assert count_drawn(1, sized, CPU) == drawing.CHUNK // divisor
