"""A function of samples -> what training asks for their FID, without a network."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


def measure_by(function: Callable[[np.ndarray], float] | None, image_s: float = 0.0) -> Any:
    """(n, C, 32, 32) uint8 -> a number, as a function -> the same in a Yardstick's place."""
    return function and SimpleNamespace(
        measure=function, image_s=image_s, draw_s=image_s, fast=None
    )
