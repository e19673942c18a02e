"""Trained weights -> uint8 images, the i-th a function of (seed, stage, i).

Images are drawn in chunks of a fixed size, shared out among cores and ranks.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import nn

from lib.base.log import Progress, log
from lib.base.seeds import derive_seed
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.preset import count_doublings
from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.device import Device
from lib.kernel.recipe import Recipe, Tick
from lib.kernel.sampling.model_file import Model, read_model

# Images of 32 px drawn at once. Chunks are always whole, for a product's last bit depends on its
# size. Of larger images half as many are drawn at once for each doubling of the side.
CHUNK = 125  # a core's cache holds their hidden layers, and 250 images keep two cores busy
CHUNK_ON_GPU = 2000
_TIMED_S = 1.5  # of drawing, to learn its speed
_TIMED_SHARES = 3  # of a chunk's work at least; the first one warms up


class _EnoughError(Exception):
    """The speed of drawing is known: the chunk need not be drawn to its end."""


def sample_images(model: Model, count: int, device: Device, stage: str = "sample") -> np.ndarray:
    """(trained model, images wanted) -> (count, C, S, S) uint8, image i by (seed, stage, i).

    The device's ranks draw side by side.
    """
    network, config = read_model(model, device), model.config
    if "temperature" in model.recipe.preset.training_keys and config.temperature != 1.0:
        log(stage, f"draws at temperature {config.temperature:g}")
    device.ranks.broadcast("draw", model.path.read_bytes(), count, config, stage)
    return draw_share(model.recipe, network, count, config, device, stage)


def draw_share(
    recipe: Recipe, network: nn.Module, count: int, config: Config, device: Device, stage: str
) -> np.ndarray:
    """(a network, a count) -> so many images on rank 0; the other ranks send theirs to it."""
    ranks, total = device.ranks, count_chunks(count, config, device)
    own = range(total)[ranks.rank :: ranks.count]
    shares = ranks.gather(draw_chunks(recipe, network, own, config, device, stage))
    if not shares:
        return np.empty((0, 1, config.image_px, config.image_px), np.uint8)
    chunks = [shares[number % ranks.count][number // ranks.count] for number in range(total)]
    return np.concatenate(chunks)[:count]


def draw_images(
    recipe: Recipe, network: nn.Module, count: int, config: Config, device: Device, stage: str
) -> np.ndarray:
    """(recipe, its network in eval mode, images wanted) -> (count, C, S, S) uint8.

    The random numbers come from the CPU's generator, so that they are the same on every device.
    """
    wanted = range(count_chunks(count, config, device))
    chunks = draw_chunks(recipe, network, wanted, config, device, stage)
    return np.concatenate(chunks)[:count]


def draw_few(
    recipe: Recipe, network: nn.Module, count: int, config: Config, device: Device, stage: str
) -> np.ndarray:
    """(recipe, its network in eval mode, images wanted) -> (count, C, S, S) uint8, to look at.

    They are one chunk of that size, so a product's last bit may be another than in draw_images.
    """
    random = torch.Generator().manual_seed(derive_seed(config.seed, f"draw/{stage}", 0))
    with torch.inference_mode():
        return recipe.draw(network, count, random, config, device, _ignore).cpu().numpy()


def count_chunks(count: int, config: Config, device: Device) -> int:
    """Images wanted -> chunks that hold them."""
    return -(-count // _chunk_size(config, device))


def count_drawn(count: int, config: Config, device: Device) -> int:
    """Images wanted -> images that are drawn, for chunks are always whole."""
    return count_chunks(count, config, device) * _chunk_size(config, device)


def draw_chunks(
    recipe: Recipe,
    network: nn.Module,
    wanted: Sequence[int],
    config: Config,
    device: Device,
    stage: str,
) -> list[np.ndarray]:
    """Numbers of chunks -> (chunk size, C, S, S) uint8 each; others may be drawn elsewhere.

    Progress counts a chunk that is half done as half of its images.
    """
    size = _chunk_size(config, device)
    progress = Progress(stage, len(wanted) * size, "images")
    lock, shares = threading.Lock(), dict.fromkeys(wanted, 0.0)
    progress.update(0)

    def draw(number: int) -> np.ndarray:
        def tick(share: float) -> None:
            if device.is_cuda:  # otherwise launches would be counted instead of work done
                torch.cuda.synchronize(device.torch_device)
            with lock:
                shares[number] = share
                progress.update(sum(shares.values()) * size)

        return draw_chunk(recipe, network, number, config, device, stage, tick)

    chunks: list[np.ndarray] = []
    with Cores(device) as cores:
        for first in range(0, len(wanted), cores.count):
            chunks += cores.map(draw, wanted[first : first + cores.count])
    return chunks


def time_drawing(recipe: Recipe, network: nn.Module, config: Config, device: Device) -> float:
    """Measure the seconds an image that a network, trained or not, needs to draw on all cores.

    Each core begins its first chunk, and gives it up as soon as its speed is known.
    """
    with Cores(device) as cores:
        spans = cores.map(
            lambda number: _time_chunk(recipe, network, number, config, device), range(cores.count)
        )
        return sum(spans) / len(spans) / cores.count / _chunk_size(config, device)


def _time_chunk(
    recipe: Recipe, network: nn.Module, number: int, config: Config, device: Device
) -> float:
    """A chunk's number -> seconds that the whole chunk would take."""
    heard: list[tuple[float, float]] = [(0.0, time.monotonic())]

    def tick(share: float) -> None:
        if device.is_cuda:
            torch.cuda.synchronize(device.torch_device)
        heard.append((share, time.monotonic()))
        if len(heard) > _TIMED_SHARES and heard[-1][1] - heard[1][1] > _TIMED_S:
            raise _EnoughError

    with suppress(_EnoughError):
        draw_chunk(recipe, network, number, config, device, "timing", tick)
    begin, end = heard[min(1, len(heard) - 2)], heard[-1]
    return (end[1] - begin[1]) / (end[0] - begin[0])


def draw_chunk(
    recipe: Recipe,
    network: nn.Module,
    number: int,
    config: Config,
    device: Device,
    stage: str,
    tick: Tick,
) -> np.ndarray:
    """A chunk's number -> (chunk size, C, S, S) uint8; `tick` is given 1.0 at the end."""
    random = torch.Generator().manual_seed(derive_seed(config.seed, f"draw/{stage}", number))
    with torch.inference_mode():
        size = _chunk_size(config, device)
        images = recipe.draw(network, size, random, config, device, tick)
    return images.cpu().numpy()


def _ignore(_: float) -> None:
    """Ignore a share of the work that is done."""


def _chunk_size(config: Config, device: Device) -> int:
    most = CHUNK_ON_GPU if device.is_cuda else CHUNK
    return max(1, most >> count_doublings(config.image_px))
