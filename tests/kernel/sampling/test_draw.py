"""sampling.draw, model_file, grids: images that depend on (seed, stage, index)."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.device.device import Device
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.draw import sample_images
from lib.kernel.sampling.model_file import Model, read_model, write_model
from tests.small import as_model, build_network, keep_used

pytestmark = pytest.mark.ships


CPU = Device(torch.device("cpu"), None, "cpu")


def make_model(folder: Path, recipe: str, channels: int, **sizes: Any) -> Model:
    config = make_config(
        recipe, keep_used(recipe, {"width": 16, "depth": 1, "clusters": 3, **sizes})
    )
    torch.manual_seed(5)
    network = build_network(config, channels)
    path = write_model(folder / "model.pt", network.state_dict(), config, channels)
    return as_model(path, config)


@pytest.mark.parametrize(
    ("recipe", "channels"), [("first-seed", 3), ("pixel", 1), ("r3gan", 1), ("edm", 3)]
)
def test_images_depend_on_seed_stage_and_index_alone(
    tmp_path: Path, recipe: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CHUNK", 8)
    model = make_model(tmp_path, recipe, channels)
    some = sample_images(model, 7, CPU)
    more = sample_images(model, 8 + 3, CPU)
    assert more.shape == (8 + 3, channels, 32, 32)
    assert more.dtype == np.uint8
    assert np.array_equal(some, more[:7])
    assert not np.array_equal(more[:3], more[8:])
    assert not np.array_equal(some, sample_images(model, 7, CPU, "other stage"))
    reseeded = make_config(recipe, keep_used(recipe, {"width": 16, "depth": 1, "seed": 1}))
    assert not np.array_equal(some, sample_images(as_model(model.path, reseeded), 7, CPU))


def test_a_model_file_brings_its_own_sizes(tmp_path: Path) -> None:
    model = make_model(tmp_path, "pixel", 3)
    network = read_model(dataclasses.replace(model, config=make_config("pixel", {})), CPU)
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
        assert (sample_images(as_model(path, config), 2, CPU) == expected).all()
