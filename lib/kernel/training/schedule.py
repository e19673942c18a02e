"""The learning rate over a run, and steps with clipped gradients, of recipes with one network."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from lib.kernel.training.optimise import take_step

WARM_UP = 0.02  # share of the run until the learning rate is full


def warm_up_and_anneal(lr: float, progress: float) -> float:
    """(full rate, share of the run that is done) -> the rate: a short rise, then half a cosine."""
    rate = lr * min(1.0, (progress + 1e-4) / WARM_UP)
    return rate * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))


def take_clipped_step(
    scaler: torch.amp.GradScaler,
    optimisers: Sequence[torch.optim.Optimizer],
    weights: Iterable[nn.Parameter],
    longest: float,
) -> None:
    """Step the optimisers, with the gradient of all weights together at most that long."""
    weights = list(weights)
    for optimiser in optimisers:
        scaler.unscale_(optimiser)
    nn.utils.clip_grad_norm_(weights, longest)
    # Through the clip an overflow in one optimiser's gradients makes the other's NaN.
    if scaler.is_enabled() and len(optimisers) > 1:
        for gradient in (weight.grad for weight in weights if weight.grad is not None):
            torch.nan_to_num(gradient, 0.0, 0.0, 0.0, out=gradient)
    take_step(scaler, optimisers)
