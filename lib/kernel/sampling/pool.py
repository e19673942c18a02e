"""The images that a trained model draws for the submission, and their features."""

from pathlib import Path

import numpy as np

from lib.base.files import replacing
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor, cached_features
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.sampling.draw import sample_images
from lib.kernel.sampling.model_file import Model


def draw_pool(saved: Path, model: Model, count: int, device: Device) -> np.ndarray:
    """(file, model, count) -> (count, 3, S, S) uint8, a memory map of that file.

    A resumed run finds the file and draws nothing, unless it is damaged.
    """
    if not _is_pool(saved, count):
        pool = as_rgb(sample_images(model, count, device))
        with replacing(saved) as file:
            np.save(file, pool)
    return np.load(saved, mmap_mode="r")


def _is_pool(saved: Path, count: int) -> bool:
    """Tell whether a file holds so many pictures; a pickle is never taken."""
    try:
        pool = np.load(saved, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return pool.dtype == np.uint8 and pool.ndim == 4 and len(pool) == count


def extract_pool(
    pool: np.ndarray, extractor: Extractor, scratch: Path, least: int, deadline: float
) -> np.ndarray:
    """(P, 3, S, S) uint8 -> (Q, 2048) float32 features, Q below P where the deadline comes first.

    The deadline is a value of time.monotonic(). Whatever it is, at least `least` images have their
    features computed.
    """
    return cached_features(pool, extractor, scratch, "pool", least=least, deadline=deadline)
