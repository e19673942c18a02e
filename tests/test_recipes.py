"""The number of a recipe's training state is raised when networks or optimisers change."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.config import make_config
from lib.kernel.recipes import PUBLIC, number_state
from lib.kernel.runtime import Device
from lib.kernel.train import build_learner

# (recipe, number of its state) -> fingerprint of its tensors, names and shapes.
FORMS = {
    ("pixel", 3): "464f7f66b70b",
    ("r3gan", 1): "ad264b4fd4ac",
    ("edm", 1): "586e6458b358",
    ("first-seed", 1): "4f078fb84add",
    ("second-seed", 1): "22ae989d882f",
}


@pytest.mark.parametrize("recipe", ["pixel", "r3gan", "edm", *PUBLIC])
def test_a_changed_state_has_a_new_number(recipe: str) -> None:
    """Raise the recipe's number in lib/kernel/recipes.py, then write both down here."""
    count = 3 if recipe in PUBLIC else 1
    images = np.random.default_rng(0).integers(0, 256, (200, count, 32, 32), dtype=np.uint8)
    config = make_config(recipe, {"batch": 4})
    learner = build_learner(images, config, Device(torch.device("cpu"), None, "cpu"))
    lines = sorted(list_shapes("", learner.state_dict()["parts"]))
    found = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert FORMS.get((recipe, number_state(recipe))) == found


def test_auto_goes_on_from_no_older_state_than_its_candidates() -> None:
    assert number_state("auto") == max(map(number_state, ("pixel", "r3gan", "edm")))


def list_shapes(name: str, state: Any) -> list[str]:
    """A nested state -> "a.b.c (2, 3)" for all its tensors."""
    if isinstance(state, torch.Tensor):
        return [f"{name} {tuple(state.shape)}"]
    if isinstance(state, dict):
        return [line for key, part in state.items() for line in list_shapes(f"{name}.{key}", part)]
    return []
