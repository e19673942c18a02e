"""Recipes' rows hold: the keys that their code reads, the number of their training state."""

import ast
import hashlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.kernel.configuration.config import COMPETITION_KEYS, KEYS, Config
from lib.kernel.configuration.preset import RUN_KEYS
from lib.kernel.device.device import Device
from lib.kernel.recipes.table import ROWS, load_recipe, make_config
from lib.kernel.sampling import draw as drawing
from lib.kernel.sampling.draw import sample_images
from lib.kernel.training.fid_finetune import finetune_by_fid
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from tests.kernel.training.test_fid_gradient import looker, real  # noqa: F401  (fixtures)
from tests.small import PRESETS, keep_used, make_trainer
from tests.yardsticks import measure_by

# (recipe, number of its state) -> fingerprint of its tensors, names and shapes.
FORMS = {
    ("pixel", 3): "464f7f66b70b",
    ("r3gan", 1): "ad264b4fd4ac",
    ("edm", 1): "586e6458b358",
    ("first-seed", 1): "4f078fb84add",
    ("second-seed", 1): "22ae989d882f",
}
TRAINED = [name for name in ROWS if not PRESETS[name].candidates]


@pytest.mark.parametrize("recipe", TRAINED)
def test_a_changed_state_has_a_new_number(recipe: str) -> None:
    """Raise state_form of the recipe's Recipe, then write both down here."""
    own = load_recipe(recipe)
    count = own.channels or 1
    images = np.random.default_rng(0).integers(0, 256, (200, count, 32, 32), dtype=np.uint8)
    config = make_config(recipe, {"batch": 4})
    trainer = make_trainer(images, config, Device(torch.device("cpu"), None, "cpu"))
    lines = sorted(list_shapes("", trainer.state_dict()["parts"]))
    found = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert FORMS.get((recipe, own.state_form)) == found


def test_auto_goes_on_from_no_older_state_than_its_candidates() -> None:
    auto = load_recipe("auto")
    assert [each.name for each in auto.candidates] == ["pixel", "r3gan", "edm"]
    assert auto.state_form == max(each.state_form for each in auto.candidates)


def list_shapes(name: str, state: Any) -> list[str]:
    """A nested state -> "a.b.c (2, 3)" for all its tensors."""
    if isinstance(state, torch.Tensor):
        return [f"{name} {tuple(state.shape)}"]
    if isinstance(state, dict):
        return [line for key, part in state.items() for line in list_shapes(f"{name}.{key}", part)]
    return []


# Functions that copy a Config, or fill it in, whatever it holds, and so use nothing of it.
COPYING = {"__post_init__", "as_candidate", "fill_defaults", "write_model"}
LIB = str(Path(__file__).parents[3] / "lib")


def watch_reads(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """-> recipe -> the keys that the project's code reads from now on of Configs of that recipe."""
    seen: dict[str, set[str]] = {recipe: set() for recipe in ROWS}
    plain = object.__getattribute__

    def read(self: Config, name: str) -> Any:
        frame = sys._getframe(1).f_code
        copies = COPYING & set(frame.co_qualname.split("."))  # comprehensions have frames
        if name in KEYS and not copies and frame.co_filename.startswith(LIB):
            seen[plain(self, "recipe")].add(name)
        return plain(self, name)

    monkeypatch.setattr(Config, "__getattribute__", read, raising=False)
    return seen


@pytest.mark.parametrize("recipe", ROWS)
def test_the_keys_of_a_recipe_are_those_that_its_code_reads(
    recipe: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    looker: Any,  # noqa: F811
    real: Any,  # noqa: F811
) -> None:
    """Trained, judged, left behind, drawn and ended by FID, in the smallest run of all that."""
    monkeypatch.setattr(drawing, "CHUNK", 4)
    tiny = {"width": 8, "depth": 1, "batch": 4, "targets": 16, "latent_dim": 4, "clusters": 2}
    tiny |= {"steps": 12, "eval_samples": 4, "trial": 4, "epoch_fid": 4, "save_every": 1}
    config = make_config(recipe, keep_used(recipe, tiny))
    images = np.random.default_rng(0).integers(0, 256, (24, 1, 32, 32), dtype=np.uint8)
    own = load_recipe(recipe)
    images = np.repeat(images, own.channels or 1, axis=1)
    cpu, seen = Device(torch.device("cpu"), None, "cpu"), watch_reads(monkeypatch)
    validation = measure_by(lambda samples: float(samples.mean()))
    begin = own.contest.train if own.contest else train
    work, limit = tmp_path / "work", TimeLimit(math.inf)
    result = begin(images, own, config, cpu, work, tmp_path, limit, validation)
    model, _ = finetune_by_fid(result.model, cpu, looker, real, 1.0)
    sample_images(model, 4, cpu)
    read = set.union(*(seen[each.name] for each in (own, *own.candidates)))
    assert ("trial" in seen["auto"]) == (recipe == "auto")
    assert bool(seen["auto"]) == (recipe == "auto")
    around = {*RUN_KEYS, *COMPETITION_KEYS, "sweep"}  # read by the stages around these
    assert read - around == set(own.preset.keys) - around


def test_every_key_is_read_somewhere() -> None:
    """Those of the run itself are of all recipes; the sweep is one of what `temperature` does."""
    read: set[str] = set()
    for path in Path(LIB).glob("kernel/**/*.py"):
        if path.name not in ("config.py", "settings.py"):
            tree = ast.parse(path.read_text())
            read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert set(KEYS) - read == set()
    for preset in PRESETS.values():
        assert ("sweep" in preset.keys) == ("temperature" in preset.keys)
        assert len(set(preset.keys)) == len(preset.keys)
