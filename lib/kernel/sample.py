"""A model file and a count -> that many uint8 images, equal for equal seeds."""

from pathlib import Path

import numpy as np

from lib.kernel.config import Config
from lib.kernel.drawing import draw_images
from lib.kernel.model_file import read_model
from lib.kernel.progress import log
from lib.kernel.runtime import Device


def sample_images(
    checkpoint: Path, count: int, config: Config, device: Device, stage: str = "sample"
) -> np.ndarray:
    """(model file, count) -> (count, C, 32, 32) uint8; image i depends on (seed, stage, i)."""
    network = read_model(checkpoint, config, device)
    if config.recipe == "pixel" and config.temperature != 1.0:
        log(stage, f"temperature {config.temperature:g} (config)")
    return draw_images(network, count, config, device, stage)
