"""training.train: resumption to the bit, divergence, memory, clocks, what is left behind."""

import itertools
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.trainer import EdmTrainer
from lib.kernel.recipes.pixel.trainer import PixelTrainer
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer
from lib.kernel.recipes.table import find_preset, load_recipe, make_config
from lib.kernel.recipes.wgan_gp.trainer import WganTrainer
from lib.kernel.sampling.model_file import read_model
from lib.kernel.training import between_steps
from lib.kernel.training.checkpoint import list_checkpoints, load_checkpoint
from lib.kernel.training.result import TrainResult
from lib.kernel.training.time_limit import NoStepError, TimeLimit
from lib.kernel.training.train import train
from lib.kernel.training.trainer import Trainer
from tests.small import keep_used, make_trainer
from tests.yardsticks import measure_by

pytestmark = pytest.mark.ships


CPU = Device(torch.device("cpu"), None, "cpu")
SMALL: dict[str, dict[str, Any]] = {
    "first-seed": {"width": 2, "batch": 8, "steps": 30},
    "second-seed": {"width": 2, "batch": 8, "steps": 30, "epoch_fid": 10},
    "pixel": {"width": 16, "depth": 1, "batch": 8, "targets": 16, "steps": 30, "clusters": 5},
    "r3gan": {"width": 2, "latent_dim": 4, "batch": 8, "steps": 30},
    "edm": {"width": 8, "depth": 1, "batch": 8, "steps": 30},
}
TRAINERS: dict[str, type[Trainer]] = {
    "first-seed": WganTrainer,
    "second-seed": WganTrainer,
    "pixel": PixelTrainer,
    "r3gan": R3ganTrainer,
    "edm": EdmTrainer,
}


def make_images(channels: int = 1, count: int = 90) -> np.ndarray:
    random = np.random.default_rng(3)
    images = np.zeros((count, channels, 32, 32), np.uint8)
    for image in images:
        top, left = random.integers(0, 12, 2)
        image[:, top : top + 20, left : left + 20] = 255
    return images


def test_float16_goes_on_from_a_state_of_another_format() -> None:
    """A T4 takes up what a GPU with bfloat16 left: there the gradient scaler was off."""
    images, config = make_images(), small_config("pixel")
    before = PixelTrainer(images, config, CPU)
    before.train_step(0, 0.1)
    after = PixelTrainer(images, config, Device(torch.device("cpu"), torch.float16, "cpu"))
    after.load_state_dict(before.state_dict())
    taken_up = {name: weight.clone() for name, weight in after.export().items()}
    for name, weight in before.export().items():
        assert torch.equal(taken_up[name], weight), name
    after.train_step(1, 0.1)
    assert after.is_finite()
    assert any(not torch.equal(taken_up[name], one) for name, one in after.export().items())


@pytest.mark.parametrize("recipe", TRAINERS)
def test_gradients_lie_in_memory_as_their_weights_do(recipe: str) -> None:
    """A GPU's fused Adam refuses others: first-seed and second-seed ended at their first step."""
    trainer = make_trainer(make_images(), small_config(recipe, n_critic=1), CPU)
    trainer.train_step(0, 0.1)
    networks = [
        part for part in trainer.state_parts().values() if isinstance(part, torch.nn.Module)
    ]
    for network in networks:
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.stride() == weight.stride(), name


def count_channels(recipe: str) -> int:
    """Channels of the pictures that a recipe learns from where the data are grey."""
    return load_recipe(recipe).channels or 1


def small_config(recipe: str, **changes: Any) -> Config:
    return make_config(recipe, keep_used(recipe, {**SMALL[recipe], **changes}))


def run(
    folder: Path,
    config: Config,
    limit: TimeLimit | None = None,
    evaluate: Callable[[np.ndarray], float] | None = None,
) -> TrainResult:
    recipe, limit = load_recipe(config.recipe), limit or TimeLimit(600.0)
    images, places = make_images(count_channels(config.recipe)), (folder / "work", folder / "leave")
    return train(images, recipe, config, CPU, *places, limit, measure_by(evaluate))


@pytest.fixture
def saves_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(between_steps, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(between_steps, "SAVE_SHARE", 1e9)


@pytest.mark.parametrize("recipe", list(SMALL))
def test_a_run_stopped_by_sigterm_goes_on_to_the_same_bytes(tmp_path: Path, recipe: str) -> None:
    config = small_config(recipe)
    whole = run(tmp_path / "whole", config)
    with pytest.MonkeyPatch.context() as patch:
        trainer = TRAINERS[recipe]
        train_step = trainer.train_step

        def step_and_stop(self: Any, step: int, progress: float) -> Any:
            if step == 12:
                os.kill(os.getpid(), signal.SIGTERM)
            return train_step(self, step, progress)

        patch.setattr(trainer, "train_step", step_and_stop)
        with pytest.raises(SystemExit) as leaving:
            run(tmp_path / "parts", config)
    assert leaving.value.code == 143
    state = load_checkpoint(tmp_path / "parts" / "work", CPU.torch_device)
    assert state is not None
    assert state["standing"]["step"] == 13
    parts = run(tmp_path / "parts", config)
    assert parts.model.path.read_bytes() == whole.model.path.read_bytes()
    for entry in (*whole.history, *parts.history):
        entry.pop("seconds")
    assert parts.history == whole.history


_CHILD = """
import sys
from pathlib import Path
from lib.kernel.training import between_steps
from tests.kernel.training.test_train import run, small_config
between_steps.SAVE_EVERY_S, between_steps.SAVE_SHARE = 0.0, 1e9
run(Path(sys.argv[1]), small_config("pixel", steps=120))
"""


def test_a_run_killed_outright_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path / "killed")])
    work, until = tmp_path / "killed" / "work", time.monotonic() + 120
    while time.monotonic() < until and child.poll() is None:
        if list_checkpoints(work) and list_checkpoints(work)[0].name > "checkpoint_000000020":
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "it ended before it could be killed"
    config = small_config("pixel", steps=120)
    killed, whole = run(tmp_path / "killed", config), run(tmp_path / "whole", config)
    assert killed.model.path.read_bytes() == whole.model.path.read_bytes()


@pytest.mark.usefixtures("saves_often")
def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_older_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small_config("pixel")
    whole = run(tmp_path, config).model.path.read_bytes()
    newest = list_checkpoints(tmp_path / "work")[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    assert run(tmp_path, config).model.path.read_bytes() == whole
    assert "is damaged" in capsys.readouterr().out


def poison(patch: pytest.MonkeyPatch, is_bad: Callable[[int], bool], recipe: str) -> None:
    """From here on a step for which is_bad is true leaves a NaN among the weights."""
    train_step = TRAINERS[recipe].train_step

    def step_badly(self: Any, step: int, progress: float) -> Any:
        losses = train_step(self, step, progress)
        if is_bad(step):
            network = self.model if recipe == "pixel" else self.critic
            next(network.parameters()).data.view(-1)[0] = math.nan
        return losses

    patch.setattr(TRAINERS[recipe], "train_step", step_badly)


@pytest.mark.usefixtures("saves_often")
@pytest.mark.parametrize("recipe", ["pixel", "r3gan"])
def test_one_divergence_rolls_back_with_half_the_rate_and_the_run_ends_well(
    tmp_path: Path,
    recipe: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = [1]
    poison(monkeypatch, lambda step: step == 10 and bool(left and left.pop()), recipe)
    result = run(tmp_path, small_config(recipe))
    state = load_checkpoint(tmp_path / "work", CPU.torch_device)
    assert state is not None
    assert (state["learner"]["rate_scale"], state["standing"]["rollbacks"]) == (0.5, 1)
    assert result.history[-1]["step"] == 30
    assert all(math.isfinite(value) for entry in result.history for value in entry.values())
    assert "not finite" in capsys.readouterr().out


@pytest.mark.usefixtures("saves_often")
def test_endless_divergence_ends_with_the_last_good_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, lambda step: step >= 10, "pixel")
    result = run(tmp_path, small_config("pixel"))
    state = load_checkpoint(tmp_path / "work", CPU.torch_device)
    assert state is not None
    assert state["standing"]["step"] == 10
    assert state["standing"]["ended"].startswith("diverged 4 times")
    assert result.model.path.exists()
    again = run(tmp_path, small_config("pixel"))
    assert again.history == result.history


@pytest.mark.parametrize(
    ("recipe", "least"), [("first-seed", 2), ("pixel", 4), ("r3gan", 2), ("edm", 4)]
)
def test_a_memory_too_small_halves_the_parts_and_changes_nothing_else(
    recipe: str, least: int
) -> None:
    config = small_config(recipe, steps=6)
    images = make_images(count_channels(recipe))
    trainers: list[Any] = [make_trainer(images, config, CPU) for _ in range(2)]

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if torch.is_grad_enabled() and len(inputs[0]) > 6:  # a critic sees real and fake at once
            raise torch.OutOfMemoryError("out of memory")

    crowded = trainers[1]
    crowded.cores.count = 1  # with more cores each would see few images anyway
    network = crowded.model if recipe in ("pixel", "edm") else crowded.critic
    network.register_forward_pre_hook(refuse)
    for step in range(6):
        found, expected = crowded.train_step(step, 0.1), trainers[0].train_step(step, 0.1)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
    assert crowded.micro_batch == least


@pytest.mark.parametrize("recipe", list(SMALL))
def test_parts_side_by_side_give_the_same_losses_and_the_same_bytes_each_time(
    tmp_path: Path, recipe: str
) -> None:
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 2):
            torch.set_num_threads(count)
            found.append(run(tmp_path / str(len(found)), small_config(recipe, steps=6)))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert found[1].model.path.read_bytes() == found[2].model.path.read_bytes()
    own = {"pixel": ["nll"], "edm": ["denoising"], "r3gan": ["critic", "r1"]}
    names = own.get(recipe, ["critic", "penalty"])
    for name in names:
        one, two = (result.history[-1][name] for result in found[:2])
        assert math.isclose(one, two, rel_tol=1e-3, abs_tol=1e-5)


def test_each_epoch_shows_each_image_at_most_once_in_an_order_of_its_own() -> None:
    images = np.arange(90, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 3, 32, 32), np.uint8)
    trainer = make_trainer(images, small_config("first-seed"), CPU)
    assert trainer.steps_per_epoch == 11
    epochs = [
        torch.cat([trainer.pick_batch(11 * epoch + step)[:, 0, 0, 0] for step in range(11)])
        for epoch in range(2)
    ]
    assert [len(set(epoch.tolist())) for epoch in epochs] == [88, 88]
    assert not torch.equal(*epochs)
    assert torch.equal(trainer.pick_batch(3)[:, 0, 0, 0], epochs[0][24:32])


def test_sizes_left_open_suit_the_device_and_given_ones_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = make_config("pixel", {})
    sizes = find_preset("pixel").sizes
    on_cpu, on_gpu = sizes.settle(config, is_cuda=False), sizes.settle(config, is_cuda=True)
    assert 0 < on_cpu.width < on_gpu.width
    assert 0 < on_cpu.batch < on_gpu.batch
    assert capsys.readouterr().out.count("suits") == 2
    given = make_config("pixel", {"width": 48, "depth": 1, "batch": 7})
    assert sizes.settle(given, is_cuda=False) == given
    assert capsys.readouterr().out == ""


def test_training_time_ends_a_run_that_has_no_step_cap(tmp_path: Path) -> None:
    result = run(tmp_path, small_config("pixel", steps=0), TimeLimit(0.5))
    assert 0.5 <= result.history[-1]["seconds"] < 30
    assert result.images_per_s > 0


def test_a_deadline_that_has_passed_gives_no_model_file_and_more_time_goes_on(
    tmp_path: Path,
) -> None:
    """Once its untrained weights were written, and a submission was drawn from them."""
    config = small_config("pixel")
    with pytest.raises(NoStepError, match="deadline of the run is near, at step 0"):
        run(tmp_path, config, TimeLimit(600.0, deadline=time.monotonic() - 1))
    assert not list(tmp_path.rglob("model.pt"))
    assert run(tmp_path, config).history[-1]["step"] == 30


def test_a_deadline_before_the_training_time_still_sees_every_schedule_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, train_step = [], PixelTrainer.train_step

    def step_and_note(self: PixelTrainer, step: int, progress: float) -> Any:
        shares.append(progress)
        return train_step(self, step, progress)

    monkeypatch.setattr(PixelTrainer, "train_step", step_and_note)
    run(tmp_path, small_config("pixel", steps=0), TimeLimit(600.0, time.monotonic() + 2.0))
    assert shares[0] < 0.1
    assert min(np.diff(shares)) > -0.05  # what closing will take is measured anew now and then
    assert shares[-1] > 0.7


def test_the_losses_fall() -> None:
    images = make_images()
    trainer = PixelTrainer(images, small_config("pixel", lr=1e-2), CPU)
    start = trainer.validate()["held_out_nll"]
    for step in range(60):
        trainer.train_step(step, step / 60)
    assert math.isclose(start, math.log(256), rel_tol=0.1)
    assert trainer.validate()["held_out_nll"] < 0.7 * start


def test_first_seed_leaves_weights_and_grids_every_ten_epochs_and_of_a_partial_one(
    tmp_path: Path,
) -> None:
    result = run(tmp_path, small_config("first-seed", steps=11 * 12 + 2, batch=8, width=1))
    left = sorted(path.name for path in (tmp_path / "leave" / "checkpoints_v1").iterdir())
    assert left == ["G_epoch_010.pth", "G_epoch_013.pth"]
    with Image.open(tmp_path / "leave" / "samples_v1" / "epoch_010.png") as grid:
        assert grid.size == (8 * 66 + 2, 8 * 66 + 2)
    assert (result.epoch, "the last" in result.chosen) == (13, True)
    names = {name for entry in result.history for name in entry}
    assert names == {"critic", "penalty", "generator", "step", "epoch", "seconds"}


def test_second_seed_takes_the_epoch_of_the_least_fid(tmp_path: Path) -> None:
    fids = iter([3.0, 1.0, 2.0])
    config = small_config("second-seed", steps=0, epochs=3)
    result = run(tmp_path, config, evaluate=lambda samples: next(fids) + 0 * len(samples))
    assert result.epoch == 2
    assert [entry["fid"] for entry in result.history if "fid" in entry] == [3.0, 1.0, 2.0]
    kept = torch.load(tmp_path / "leave" / "checkpoints_v1" / "G_epoch_002.pth", weights_only=True)
    chosen = read_model(result.model, CPU).state_dict()
    assert all(torch.equal(chosen[name], weight) for name, weight in kept.items())
    assert len(list((tmp_path / "leave" / "samples_v1").iterdir())) == 3


def test_a_watcher_sees_the_records_grow_and_changes_nothing(tmp_path: Path) -> None:
    seen: list[tuple[str, list[float], bool]] = []

    def watch(recipe: str, history: Any, is_last: bool, newest: Any) -> None:
        seen.append((recipe, [row["step"] for row in history], is_last))

    config, places = small_config("r3gan", steps=12), (tmp_path / "work", tmp_path / "leave")
    given = (make_images(), load_recipe("r3gan"), config, CPU, *places, TimeLimit(600.0), None)
    watched = train(*given, watch)
    plain = run(tmp_path / "plain", config)
    assert watched.model.path.read_bytes() == plain.model.path.read_bytes()
    assert {recipe for recipe, _, _ in seen} == {"r3gan"}
    assert [is_last for _, _, is_last in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 10
    assert all(len(before[1]) <= len(after[1]) for before, after in itertools.pairwise(seen))
    assert seen[-1][1] == [row["step"] for row in watched.history]
