"""What every recipe's optimisers share: fused Adam, gradient scaling, clipping, schedules."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from lib.kernel.device.device import Device

WARM_UP = 0.02  # share of the run until the learning rate is full


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


def warm_up_and_anneal(lr: float, progress: float) -> float:
    """(full rate, share of the run that is done) -> the rate: a short rise, then half a cosine."""
    rate = lr * min(1.0, (progress + 1e-4) / WARM_UP)
    return rate * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))


def take_step(
    scaler: torch.amp.GradScaler,
    optimisers: Sequence[torch.optim.Optimizer],
    weights: Iterable[nn.Parameter] = (),
    clip: float | None = None,
) -> None:
    """Step the optimisers, with the Euclidean length of all weights' gradients clipped.

    Where float16 overflowed, the scaler skips the step.
    """
    if clip is not None:
        weights = list(weights)
        for optimiser in optimisers:
            scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(weights, clip)
        # Through the clip an overflow in one optimiser's gradients makes the other's NaN.
        if scaler.is_enabled() and len(optimisers) > 1:
            for gradient in (weight.grad for weight in weights if weight.grad is not None):
                torch.nan_to_num(gradient, 0.0, 0.0, 0.0, out=gradient)
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
