"""A denoiser and unit noise -> its samples, by Heun's method along EDM's deterministic ODE.

The ODE is dx / dsigma = (x - D(x; sigma)) / sigma (arXiv:2206.00364, eq. 1 and 3 with
sigma(t) = t), from sigma_max down to zero. It is solved by algorithm 1 with the noise levels of
eq. 5.
"""

from collections.abc import Callable
from itertools import pairwise

import torch

from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.denoiser import Denoiser

PART, PART_ON_GPU = 25, 500  # of 32 px at once: what a core's cache and a GPU's memory hold
STEPS = 18  # 35 evaluations of the denoiser
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # x (B, ...), sigma (B,) -> D


def list_sigmas(steps: int) -> list[float]:
    """A number of steps -> one more noise levels, the last of them zero: eq. 5."""
    high, low = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    levels = [(high + i / max(steps - 1, 1) * (low - high)) ** RHO for i in range(steps)]
    return [*levels, 0.0]


def solve_heun(
    denoise: Denoise,
    noise: torch.Tensor,
    steps: int = STEPS,
    tick: Callable[[float], None] | None = None,
) -> torch.Tensor:
    """(denoiser, (B, C, S, S) float32 of unit variance) -> samples of that shape, float32.

    `tick` is called after each step with the share of the work that is done.
    """
    sigmas = list_sigmas(steps)
    pictures = noise * sigmas[0]
    for step, (now, then) in enumerate(pairwise(sigmas), start=1):
        slope = _find_slope(denoise, pictures, now)
        ahead = pictures + (then - now) * slope
        if then > 0:  # at zero the derivative is undefined, and Euler's step ends at D itself
            slope = 0.5 * (slope + _find_slope(denoise, ahead, then))
            ahead = pictures + (then - now) * slope
        pictures = ahead
        if tick is not None:
            tick(step / steps)
    return pictures


def draw_by_heun(
    denoiser: Denoiser,
    noise: torch.Tensor,
    device: Device,
    tick: Callable[[float], None] | None = None,
) -> torch.Tensor:
    """(model, (B, C, S, S) float32, device) -> (B, C, S, S) uint8 on the device.

    The network may use the device's half precision; the ODE itself is float32. `tick` is called now
    and then with the share of the work that is done.
    """

    def denoise(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        with device.autocast():
            return denoiser(noisy, sigma)

    most = (PART_ON_GPU if device.is_cuda else PART) * IMAGE_PX**2
    parts = noise.split(max(1, most // noise[0, 0].numel()))
    starts = [part.to(device.torch_device, memory_format=torch.channels_last) for part in parts]

    def draw(part: int) -> torch.Tensor:
        hear = tick and (lambda share: tick((part + share) / len(starts)))
        return denoiser.denormalise(solve_heun(denoise, starts[part], tick=hear))

    return torch.cat([draw(part) for part in range(len(starts))])


def _find_slope(denoise: Denoise, pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    """(B, C, S, S) at a noise level -> dx / dsigma there."""
    levels = torch.full((len(pictures),), sigma, device=pictures.device)
    return (pictures - denoise(pictures, levels)) / sigma
