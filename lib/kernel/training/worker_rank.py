"""Rank 0's messages -> the same steps and a share of the samples, on every other rank."""

import dataclasses
import tempfile
from pathlib import Path

import torch

from lib.kernel.config import Config
from lib.kernel.device.device import Device, choose_device
from lib.kernel.device.distributed import ALONE, Ranks, spawn_ranks
from lib.kernel.sampling.model_file import read_model
from lib.kernel.sampling.sample import draw_share
from lib.kernel.training.train import make_trainer
from lib.kernel.training.trainer import Trainer


def start_ranks(launched: Ranks | None, ranks: int) -> Device:
    """(torchrun's team, if any; processes wanted, 0 for one a GPU) -> rank 0's device and team."""
    device = choose_device(launched or ALONE)
    gpus = torch.cuda.device_count() if device.is_cuda else 0
    return dataclasses.replace(device, ranks=launched or spawn_ranks(ranks, gpus, run_worker))


def run_worker(ranks: Ranks) -> None:
    """A rank other than 0 -> its part of everything that rank 0 asks for, until it is dismissed."""
    device = choose_device(ranks)
    while True:
        match ranks.receive():
            case ("learn", config, images):
                _learn(make_trainer(images, config, device))
            case ("draw", content, count, config, stage):
                _draw(content, count, config, device, stage)
            case ("leave",):
                return


def _learn(trainer: Trainer) -> None:
    """A trainer -> the steps that rank 0's takes, until those end."""
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


def _draw(content: bytes, count: int, config: Config, device: Device, stage: str) -> None:
    """The bytes of a model file -> this rank's share of the images, handed to rank 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(content)
        network = read_model(path, config, device)
    draw_share(network, count, config, device, stage)
