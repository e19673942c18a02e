"""A network and a count -> that many uint8 images, the i-th a function of (seed, stage, i)."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import nn

from lib.base.log import Progress
from lib.base.seeds import derive_seed
from lib.kernel.config import Config
from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.denoiser import Denoiser
from lib.kernel.recipes.edm.heun import draw_by_heun
from lib.kernel.recipes.pixel.model import PixelModel
from lib.kernel.recipes.pixel.sampler import draw_pictures
from lib.kernel.recipes.r3gan.networks import R3ganGenerator

# Images drawn at once; always whole, for a product's last bit depends on its size.
CHUNK = 125  # a core's cache holds their hidden layers, and 250 images keep two cores busy
CHUNK_ON_GPU = 2000
SIDE = 32  # px
_TIMED_S = 1.5  # of drawing, to learn its speed
_TIMED_SHARES = 3  # of a chunk's work at least; the first one warms up

Tick = Callable[[float], None]  # hears which share of a chunk's work is done


class _EnoughError(Exception):
    """The speed of drawing is known: the chunk need not be drawn to its end."""


def draw_images(
    network: nn.Module, count: int, config: Config, device: Device, stage: str
) -> np.ndarray:
    """A generator or pixel model in eval mode -> (count, C, 32, 32) uint8.

    The random numbers come from the CPU's generator, so that they are the same on every device.
    """
    chunks = draw_chunks(network, range(count_chunks(count, device)), config, device, stage)
    return np.concatenate(chunks)[:count]


def count_chunks(count: int, device: Device) -> int:
    """Images wanted -> chunks that hold them."""
    return -(-count // _chunk_size(device))


def count_drawn(count: int, device: Device) -> int:
    """Images wanted -> images that are drawn, for chunks are always whole."""
    return count_chunks(count, device) * _chunk_size(device)


def draw_chunks(
    network: nn.Module, wanted: Sequence[int], config: Config, device: Device, stage: str
) -> list[np.ndarray]:
    """Numbers of chunks -> (chunk size, C, 32, 32) uint8 each, whoever draws the others.

    Progress counts a chunk that is half done as half of its images.
    """
    size = _chunk_size(device)
    progress = Progress(stage, len(wanted) * size, "images")
    lock, shares = threading.Lock(), dict.fromkeys(wanted, 0.0)
    progress.update(0)

    def draw(number: int) -> np.ndarray:
        def tick(share: float) -> None:
            if device.is_cuda:  # or the launches would be counted instead of the work
                torch.cuda.synchronize(device.torch_device)
            with lock:
                shares[number] = share
                progress.update(sum(shares.values()) * size)

        return draw_chunk(network, number, config, device, stage, tick)

    chunks: list[np.ndarray] = []
    with Cores(device) as cores:
        for first in range(0, len(wanted), cores.count):
            chunks += cores.map(draw, wanted[first : first + cores.count])
    return chunks


def time_drawing(network: nn.Module, config: Config, device: Device) -> float:
    """A network, trained or not -> seconds that drawing an image takes here, all cores at work.

    The first chunk of each core is begun and given up as soon as its speed is known.
    """
    with Cores(device) as cores:
        spans = cores.map(
            lambda number: _time_chunk(network, number, config, device), range(cores.count)
        )
        return sum(spans) / len(spans) / cores.count / _chunk_size(device)


def _time_chunk(network: nn.Module, number: int, config: Config, device: Device) -> float:
    """A chunk's number -> seconds that the whole chunk would take."""
    heard: list[tuple[float, float]] = [(0.0, time.monotonic())]

    def tick(share: float) -> None:
        if device.is_cuda:
            torch.cuda.synchronize(device.torch_device)
        heard.append((share, time.monotonic()))
        if len(heard) > _TIMED_SHARES and heard[-1][1] - heard[1][1] > _TIMED_S:
            raise _EnoughError

    with suppress(_EnoughError):
        draw_chunk(network, number, config, device, "timing", tick)
    begin, end = heard[min(1, len(heard) - 2)], heard[-1]
    return (end[1] - begin[1]) / (end[0] - begin[0])


def draw_chunk(
    network: nn.Module, number: int, config: Config, device: Device, stage: str, tick: Tick
) -> np.ndarray:
    """A chunk's number -> (chunk size, C, 32, 32) uint8; `tick` hears 1.0 at its end at last."""
    random = torch.Generator().manual_seed(derive_seed(config.seed, f"draw/{stage}", number))
    with torch.inference_mode():
        images = _draw(network, _chunk_size(device), random, config, device, tick)
    return images.cpu().numpy()


def _chunk_size(device: Device) -> int:
    return CHUNK_ON_GPU if device.is_cuda else CHUNK


def _draw(
    network: nn.Module,
    size: int,
    random: torch.Generator,
    config: Config,
    device: Device,
    tick: Tick,
) -> torch.Tensor:
    """-> (size, C, 32, 32) uint8 on the device."""
    if isinstance(network, PixelModel):
        side, channels = network.shape.side, network.shape.channels
        uniforms = torch.rand((size, side, side, channels), generator=random)
        codes = network.codebook.draw(torch.rand(size, generator=random).to(device.torch_device))
        uniforms = uniforms.to(device.torch_device)
        return draw_pictures(network, codes, uniforms, config.temperature, config.tail, tick)
    if isinstance(network, Denoiser):
        noise = torch.randn((size, network.shape.channels, SIDE, SIDE), generator=random)
        return draw_by_heun(network, noise * config.temperature, device, tick)
    if isinstance(network, R3ganGenerator):
        normals = torch.randn((size, network.numbers), generator=random) * config.temperature
    else:
        normals = torch.randn((size, config.latent_dim, 1, 1), generator=random)
    parts = normals.to(device.torch_device).split(CHUNK)  # all at once would not fit every GPU
    pictures = []
    for done, part in enumerate(parts, start=1):
        pictures.append(network(part))
        tick(done / len(parts))
    whole = torch.cat(pictures)
    return (whole * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
