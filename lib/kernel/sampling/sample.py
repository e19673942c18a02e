"""A model file and a count -> that many uint8 images, equal for equal seeds."""

from pathlib import Path

import numpy as np
from torch import nn

from lib.base.log import log
from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.sampling.draw import count_chunks, draw_chunks
from lib.kernel.sampling.model_file import read_model


def sample_images(
    checkpoint: Path, count: int, config: Config, device: Device, stage: str = "sample"
) -> np.ndarray:
    """(model file, count) -> (count, C, 32, 32) uint8; image i depends on (seed, stage, i).

    The ranks of the device's team draw side by side.
    """
    network = read_model(checkpoint, config, device)
    if not config.is_public and config.temperature != 1.0:
        log(stage, f"draws at temperature {config.temperature:g}")
    device.ranks.broadcast("draw", checkpoint.read_bytes(), count, config, stage)
    return draw_share(network, count, config, device, stage)


def draw_share(
    network: nn.Module, count: int, config: Config, device: Device, stage: str
) -> np.ndarray:
    """A network and a count -> that many images on rank 0; other ranks hand theirs over."""
    ranks, total = device.ranks, count_chunks(count, device)
    own = range(total)[ranks.rank :: ranks.count]
    shares = ranks.gather(draw_chunks(network, own, config, device, stage))
    if not shares:
        return np.empty((0, 1, 32, 32), np.uint8)
    chunks = [shares[number % ranks.count][number // ranks.count] for number in range(total)]
    return np.concatenate(chunks)[:count]
