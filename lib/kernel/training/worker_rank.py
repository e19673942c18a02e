"""Start the other ranks, which do their part in training and drawing as rank 0 tells them."""

import tempfile
from functools import partial
from pathlib import Path

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device, MakeGraphs, choose_device
from lib.kernel.device.distributed import join_launched, spawn_ranks
from lib.kernel.device.ranks import Ranks
from lib.kernel.recipe import Recipe
from lib.kernel.sampling.draw import draw_share
from lib.kernel.sampling.model_file import Model, read_model
from lib.kernel.training.trainer import Trainer

__all__ = ["join_launched", "run_worker", "spawn_workers"]


def spawn_workers(wanted: int, gpus: int, recipe: Recipe, make_graphs: MakeGraphs | None) -> Ranks:
    """Start the worker ranks; return rank 0's Ranks. `wanted` 0 means one rank for each GPU."""
    work = partial(run_worker, recipe=recipe, make_graphs=make_graphs)
    return spawn_ranks(wanted, gpus, work)


def run_worker(ranks: Ranks, recipe: Recipe, make_graphs: MakeGraphs | None) -> None:
    """Do this rank's part of everything that rank 0 asks for, until rank 0 lets it leave."""
    device = choose_device(ranks, make_graphs)
    while True:
        match ranks.receive():
            case ("learn", config, images):
                _train(recipe.find(config.recipe).make_trainer(images, config, device))
            case ("draw", content, count, config, stage):
                _draw(recipe.find(config.recipe), content, count, config, device, stage)
            case ("leave",):
                return


def _train(trainer: Trainer) -> None:
    """Make the same steps as rank 0's trainer until rank 0 ends."""
    with trainer.cores:
        while True:
            match trainer.ranks.receive():
                case ("step", step, progress, lr_scale):
                    trainer.lr_scale = lr_scale
                    trainer.train_step(step, progress)
                case ("restore", state):
                    trainer.load_state_dict(state)
                case ("end",):
                    return
                case other:
                    raise AssertionError(f"rank 0 asks for {other[0]} in the middle of training")


def _draw(
    recipe: Recipe, content: bytes, count: int, config: Config, device: Device, stage: str
) -> None:
    """Draw this rank's share of images from the bytes of a model file, and send it to rank 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(content)
        network = read_model(Model(path, recipe, config), device)
    draw_share(recipe, network, count, config, device, stage)
