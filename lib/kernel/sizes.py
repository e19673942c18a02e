"""A Config whose sizes may be 0 -> the same with sizes that suit the device and the recipe."""

import dataclasses
from typing import Any

from lib.base.log import log
from lib.kernel.config import Config
from lib.kernel.device.device import Device

# For each recipe the sizes on a GPU and on a CPU, both in the order of the names.
_SIZES: dict[str, tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]] = {
    "pixel": (("width", "depth", "batch"), (512, 6, 256), (128, 2, 32)),
    "edm": (("width", "depth", "batch"), (96, 2, 256), (16, 1, 32)),
    "r3gan": (("width", "batch"), (128, 128), (8, 32)),
}


def suit_sizes(config: Config, is_cuda: bool) -> Config:
    """(config, whether there is a GPU) -> the same, each size that is 0 now one that suits."""
    names, on_gpu, on_cpu = _SIZES[config.recipe]
    suited = dict(zip(names, on_gpu if is_cuda else on_cpu, strict=True))
    sizes: dict[str, Any] = {name: getattr(config, name) or size for name, size in suited.items()}
    return dataclasses.replace(config, **sizes)


def settle_sizes(config: Config, device: Device) -> Config:
    """A config -> that of suit_sizes; prints its sizes where one was settled."""
    settled = suit_sizes(config, device.is_cuda)
    if settled != config:
        names = _SIZES[config.recipe][0]
        words = ", ".join(f"{name} {getattr(settled, name)}" for name in names)
        log("train", f"{words} (suits {'a GPU' if device.is_cuda else 'a CPU'}; --set overrules)")
    return settled
