"""Noise -> pictures, by a generator that makes a picture in one pass, such as a GAN's."""

import torch
from torch import nn

from lib.kernel.device.device import Device
from lib.kernel.recipe import Tick

PART = 125  # pictures at once: a whole chunk would not fit every GPU


def draw_in_one_pass(
    network: nn.Module, normals: torch.Tensor, device: Device, tick: Tick
) -> torch.Tensor:
    """(generator, (B, ...) standard normals on the CPU) -> (B, C, S, S) uint8 on the device.

    The generator's pictures are float32 in [-1, 1].
    """
    parts = normals.to(device.torch_device).split(PART)
    pictures = []
    for done, part in enumerate(parts, start=1):
        pictures.append(network(part))
        tick(done / len(parts))
    return (torch.cat(pictures) * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
