"""Rank 0's messages -> the same steps and a share of the samples, on every other rank."""

import dataclasses
import tempfile
from pathlib import Path

import torch

from lib.kernel.config import Config
from lib.kernel.device.runtime import Device, choose_device
from lib.kernel.device.team import ALONE, Team, recruit
from lib.kernel.sampling.model_file import read_model
from lib.kernel.sampling.sample import draw_share
from lib.kernel.training.learner import Learner
from lib.kernel.training.train import build_learner


def gather_team(launched: Team | None, ranks: int) -> Device:
    """(torchrun's team, if any; processes wanted, 0 for one a GPU) -> rank 0's device and team."""
    device = choose_device(launched or ALONE)
    gpus = torch.cuda.device_count() if device.is_cuda else 0
    return dataclasses.replace(device, team=launched or recruit(ranks, gpus, follow))


def follow(team: Team) -> None:
    """A rank other than 0 -> its part of everything that rank 0 asks for, until it is dismissed."""
    device = choose_device(team)
    while True:
        match team.hear():
            case ("learn", config, images):
                _learn(build_learner(images, config, device))
            case ("draw", content, count, config, stage):
                _draw(content, count, config, device, stage)
            case ("leave",):
                return


def _learn(learner: Learner) -> None:
    """A learner -> the steps that rank 0's takes, until those end."""
    with learner.cores:
        while True:
            match learner.team.hear():
                case ("step", step, progress, rate_scale):
                    learner.rate_scale = rate_scale
                    learner.advance(step, progress)
                case ("restore", state):
                    learner.load_state_dict(state)
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
