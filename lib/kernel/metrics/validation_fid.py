"""FID against the validation half of the real images; it chooses weights, epochs and recipes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.fast_path_bias import measure_fast_path_bias
from lib.kernel.metrics.features import Extractor, load_extractor
from lib.kernel.metrics.fid import Statistics, frechet_distance
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.metrics.reference import Reference, validation_half
from lib.kernel.recipe import Recipe

_CHECKED = 1000  # images at most that take both paths


@dataclass(frozen=True)
class ValidationFid:
    """What samples are measured against while training goes on, and how."""

    real: Statistics  # of the validation half, by the exact path
    exact: Extractor
    fast: Extractor | None  # none on a CPU
    image_s: float  # seconds that drawing and measuring one image takes: a guess until measured
    draw_s: float = 0.0  # the part of them that drawing takes

    def measure(self, samples: np.ndarray) -> float:
        """(n, C, S, S) uint8 -> their FID by the fast path where there is one."""
        features = self._extract(as_rgb(samples))
        return frechet_distance(features, self.real, exact=False)  # a choice needs no ninth digit

    def _extract(self, samples: np.ndarray) -> np.ndarray:
        """(n, 3, S, S) uint8 -> (n, 2048), by the exact path where half precision overflows."""
        if self.fast is not None:
            try:
                return self.fast.extract(samples)
            except PipelineError as error:
                log("selection", f"the fast path fails, the exact one serves: {error.what}")
        return self.exact.extract(samples)

    def measure_error(self, samples: np.ndarray) -> float | None:
        """(n, C, S, S) uint8 -> what the fast path adds to their FID; None if it fails."""
        some, fast = as_rgb(samples[:_CHECKED]), self.fast or self.exact
        try:
            return measure_fast_path_bias(some, self.exact, fast, self.real).difference
        except PipelineError:
            return None


def make_validation_fid(
    recipe: Recipe,
    config: Config,
    weights: Path | None,
    device: Device,
    exact: Extractor,
    real: Reference,
    image_s: float,
    draw_s: float = 0.0,
) -> ValidationFid:
    """(config, Inception's weights, real features of the exact path, guesses) -> ValidationFid.

    The sweep and the proof of curation use the same validation half. No choice sees the test half.
    """
    half = validation_half(real, config.seed)
    if not recipe.uses_fast_fid or config.eval_samples < 0:
        return ValidationFid(half, exact, None, image_s, draw_s)
    if not device.is_cuda:
        log(
            "selection", "FID in training is by the exact path (on a CPU the fast one saves little)"
        )
        return ValidationFid(half, exact, None, image_s, draw_s)
    fast = load_extractor(config, weights, device, fast=True)
    return ValidationFid(half, exact, fast if fast.is_fast else None, image_s, draw_s)
