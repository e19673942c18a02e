"""Measure how long each kind of work takes on this machine, with a few images."""

import time
from dataclasses import dataclass

import numpy as np

from lib.base.log import log
from lib.kernel.configuration.challenge import FEATURES
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.configure import as_candidate
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, frechet_distance
from lib.kernel.recipe import Recipe
from lib.kernel.sampling.draw import count_drawn, time_drawing

_ENOUGH_S = 2.0  # of Inception, to measure its speed
_BATCHES = 4  # of Inception at most, after one that warms up
_ROWS = 500  # of the FID that is timed
_FIDS = 60.0  # such FIDs that closing takes as long as: FID, KID, precision and recall, neighbours
_CLOSING_S = 8.0  # the CSV, the zip, the report
_CPU_VERIFIED = 64  # rows whose features are computed again on a CPU; on a GPU all are
_CURATE_S = 120.0  # test and choice together


@dataclass(frozen=True)
class Speeds:
    """Seconds that each kind of work takes on this machine, under its present load."""

    feature_s: float  # for an image to pass Inception
    sample_s: float  # to draw an image; for recipe auto the mean over its candidates
    closing_s: float = 30.0  # everything after the submission's features
    curate_s: float = _CURATE_S  # the whole of curation
    at_once: int = 1  # images that are always drawn together

    @property
    def image_s(self) -> float:
        """Return the seconds to draw an image and measure it."""
        return self.feature_s + self.sample_s

    def cost_s(self, count: int) -> float:
        """Number of images -> seconds to draw and measure them; chunks are drawn whole."""
        drawn = -(-count // self.at_once) * self.at_once
        return drawn * self.sample_s + count * self.feature_s


def measure_speeds(
    recipe: Recipe, config: Config, device: Device, extractor: Extractor, channels: int
) -> Speeds:
    """Measure and print the Speeds of a recipe on a device, for pictures of so many channels."""
    feature_s = time_features(extractor, config.image_px)
    sample_s = _time_recipe(recipe, config, device, channels)
    closing_s = _CLOSING_S + _FIDS * _time_fid() + count_verified(config, device) * feature_s
    words = f"features take {feature_s * 1000:.1f} ms an image, drawing {sample_s * 1000:.1f} ms"
    log("plan", f"{words} (measured)")
    return Speeds(feature_s, sample_s, closing_s, at_once=count_drawn(1, config, device))


def count_verified(config: Config, device: Device) -> int:
    """(config, device) -> rows of the submission whose features are computed again at the end."""
    return config.samples if device.is_cuda else min(_CPU_VERIFIED, config.samples)


def time_features(extractor: Extractor, side: int) -> float:
    """Measure an extractor's seconds an image of that side, on whole batches of distinct noise.

    The first batch is a warm-up. It counts only if it alone took longer than is needed.
    """
    size = extractor.batch
    shape = (_BATCHES + 1, size, 3, side, side)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    started = time.monotonic()
    extractor.extract(noise[0])
    if (warm_s := time.monotonic() - started) > 2 * _ENOUGH_S:
        return warm_s / size
    started, batches = time.monotonic(), 0
    while batches < _BATCHES and time.monotonic() - started < _ENOUGH_S:
        batches += 1
        extractor.extract(noise[batches])
    return (time.monotonic() - started) / (batches * size)


def _time_recipe(recipe: Recipe, config: Config, device: Device, channels: int) -> float:
    """Time how long an untrained network draws, s an image; of candidates return the mean."""
    if recipe.candidates:
        pairs = [
            (each, as_candidate(config, recipe.preset, each.preset)) for each in recipe.candidates
        ]
        each_s = [_time_recipe(one, own, device, channels) for one, own in pairs]
        return sum(each_s) / len(each_s)
    sized = recipe.preset.sizes.resolve(config, device.suits_gpu)
    network = recipe.build_network(sized, channels)
    network.to(device.torch_device).eval().requires_grad_(False)
    return time_drawing(recipe, network, sized, device)


def _time_fid() -> float:
    """Measure the seconds of one FID of _ROWS images."""
    features = np.random.default_rng(0).standard_normal((_ROWS, FEATURES))
    real = Statistics(np.zeros(FEATURES), np.eye(FEATURES), 10 * FEATURES)
    started = time.monotonic()
    frechet_distance(features, real, exact=False)
    return time.monotonic() - started
