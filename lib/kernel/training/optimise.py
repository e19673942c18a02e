"""What every recipe's optimisers share: fused Adam, its rate and gradient scaling."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from lib.kernel.device.device import Device


def make_adam(
    device: Device,
    weights: Iterable[nn.Parameter],
    lr: float,
    betas: tuple[float, float],
    kind: type[torch.optim.Adam] = torch.optim.Adam,
    **more: Any,
) -> torch.optim.Adam:
    """Make an Adam of these weights, in its fastest form for the device."""
    form = {"fused": True} if device.is_cuda else {"foreach": True}
    return kind(weights, lr, betas, **more, **form)


def make_scaler(device: Device) -> torch.amp.GradScaler:
    """Make the gradient scaler, which is active in float16 only."""
    return torch.amp.GradScaler(device.torch_device.type, enabled=device.amp_dtype is torch.float16)


def set_lr(
    optimiser: torch.optim.Optimizer, lr: float, betas: tuple[float, float] | None = None
) -> None:
    """Set the learning rate of all groups, and Adam's betas if given."""
    for group in optimiser.param_groups:
        group["lr"] = lr
        if betas is not None:
            group["betas"] = betas


def take_step(scaler: torch.amp.GradScaler, optimisers: Sequence[torch.optim.Optimizer]) -> None:
    """Step the optimisers; where float16 overflowed, the scaler skips the step."""
    for optimiser in optimisers:
        scaler.step(optimiser)
    scaler.update()


def use_channels_last(weights: Iterable[nn.Parameter]) -> None:
    """Lay out the weights of convolutions so that CPUs and GPUs run them faster."""
    for weight in weights:
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def is_all_finite(weights: Iterable[torch.Tensor]) -> bool:
    """Tell whether no tensor holds an infinity or NaN; this waits for the device once."""
    sums = [weight.detach().sum() for weight in weights]
    return bool(torch.stack(sums).isfinite().all())
