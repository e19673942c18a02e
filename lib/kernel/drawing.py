"""A network and a count -> that many uint8 images, the i-th a function of (seed, stage, i)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from lib.kernel.config import Config
from lib.kernel.denoiser import Denoiser
from lib.kernel.heun import draw_by_heun
from lib.kernel.pixel import PixelModel
from lib.kernel.pixel_draw import draw_pictures
from lib.kernel.progress import Progress
from lib.kernel.r3gan_networks import R3ganGenerator
from lib.kernel.runtime import Device
from lib.kernel.seeds import derive_seed
from lib.kernel.side_by_side import Cores

# Images drawn at once; always whole, for a product's last bit depends on its size.
CHUNK = 250  # a core's cache holds their hidden layers
CHUNK_ON_GPU = 2000
SIDE = 32  # px


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
    return -(-count // (CHUNK_ON_GPU if device.is_cuda else CHUNK))


def draw_chunks(
    network: nn.Module, wanted: Sequence[int], config: Config, device: Device, stage: str
) -> list[np.ndarray]:
    """Numbers of chunks -> (chunk size, C, 32, 32) uint8 each, whoever draws the others."""
    size = CHUNK_ON_GPU if device.is_cuda else CHUNK
    progress = Progress(stage, len(wanted) * size, "images")

    def draw(number: int) -> np.ndarray:
        random = torch.Generator().manual_seed(derive_seed(config.seed, f"draw/{stage}", number))
        with torch.inference_mode():
            return _draw_chunk(network, size, random, config, device).cpu().numpy()

    chunks: list[np.ndarray] = []
    with Cores(device) as cores:
        for first in range(0, len(wanted), cores.count):
            chunks += cores.map(draw, wanted[first : first + cores.count])
            progress.update(len(chunks) * size)
    return chunks


def _draw_chunk(
    network: nn.Module, size: int, random: torch.Generator, config: Config, device: Device
) -> torch.Tensor:
    """-> (size, C, 32, 32) uint8 on the device."""
    if isinstance(network, PixelModel):
        side, channels = network.shape.side, network.shape.channels
        uniforms = torch.rand((size, side, side, channels), generator=random)
        codes = network.codebook.draw(torch.rand(size, generator=random).to(device.torch_device))
        uniforms = uniforms.to(device.torch_device)
        return draw_pictures(network, codes, uniforms, config.temperature, config.tail)
    if isinstance(network, Denoiser):
        noise = torch.randn((size, network.shape.channels, SIDE, SIDE), generator=random)
        return draw_by_heun(network, noise * config.temperature, device)
    if isinstance(network, R3ganGenerator):
        normals = torch.randn((size, network.numbers), generator=random) * config.temperature
    else:
        normals = torch.randn((size, config.latent_dim, 1, 1), generator=random)
    parts = normals.to(device.torch_device).split(CHUNK)  # all at once would not fit every GPU
    pictures = torch.cat([network(part) for part in parts])
    return (pictures * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
