"""sampling.sample, drawing, model_file: images that depend on (seed, stage, index)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.draw import sample_images
from lib.kernel.sampling.model_file import build_network, read_model, write_model
from tests.small import keep_used

pytestmark = pytest.mark.ships


CPU = Device(torch.device("cpu"), None, "cpu")


def make_file(folder: Path, recipe: str, channels: int, **sizes: Any) -> tuple[Path, Config]:
    config = make_config(recipe, keep_used(recipe, {"width": 16, "depth": 1, "codes": 3, **sizes}))
    torch.manual_seed(5)
    network = build_network(config, channels)
    return write_model(folder / "model.pt", network.state_dict(), config, channels), config


@pytest.mark.parametrize(
    ("recipe", "channels"), [("first-seed", 3), ("pixel", 1), ("r3gan", 1), ("edm", 3)]
)
def test_images_depend_on_seed_stage_and_index_alone(
    tmp_path: Path, recipe: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 8)
    path, config = make_file(tmp_path, recipe, channels)
    some = sample_images(path, 7, config, CPU)
    more = sample_images(path, 8 + 3, config, CPU)
    assert more.shape == (8 + 3, channels, 32, 32)
    assert more.dtype == np.uint8
    assert np.array_equal(some, more[:7])
    assert not np.array_equal(more[:3], more[8:])
    assert not np.array_equal(some, sample_images(path, 7, config, CPU, "other stage"))
    reseeded = make_config(recipe, keep_used(recipe, {"width": 16, "depth": 1, "seed": 1}))
    assert not np.array_equal(some, sample_images(path, 7, reseeded, CPU))


def test_a_model_file_brings_its_own_sizes(tmp_path: Path) -> None:
    path, _ = make_file(tmp_path, "pixel", 3)
    network = read_model(path, make_config("pixel", {}), CPU)
    assert network.shape.width == 16
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_gan_pictures_map_minus_one_to_black_and_one_to_white(tmp_path: Path) -> None:
    config = make_config("second-seed", {"width": 2})
    network = build_network(config, 1)
    last = network[-2]
    torch.nn.init.zeros_(last.weight)
    for bias, expected in ((9.0, 255), (-9.0, 0), (0.0, 128)):
        torch.nn.init.constant_(last.bias, bias)
        path = write_model(tmp_path / "model.pt", network.state_dict(), config, 1)
        assert (sample_images(path, 2, config, CPU) == expected).all()
