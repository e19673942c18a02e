"""Sizes -> the generator and the critic of the small R3GAN (arXiv:2501.05441), with pixel noise.

Our deviations: noise for every pixel in each block of the generator, values clipped to the range
of a picture, and the critic's gradient written out instead of differentiated.

Each stage works at twice the side of the one before it, from 4 to 7 px up to the picture's own
side. Stages of up to 8 px have three widths as channels, then two and one. Stages beyond 32 px have
half a width, as the paper halves its channels there.
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from lib.kernel.configuration.challenge import IMAGE_PX

LEAK = 0.2  # negative slope of every LeakyReLU
COARSEST = 7  # px, side of the first stage at most
MOST_SHARE = 3  # channels of a stage in widths, at most
BLOCKS = 2  # in each stage
GROUP = 16  # channels in a group of the 3x3 convolutions
NOISES = 4  # noise values for each pixel in each block
NOISE_STRENGTH = 0.5  # initial, at the picture's own side; halved at each coarser stage
GRADIENT_SCALE = 64.0  # keeps small gradients above float16's least; a power of two is exact


class Block(nn.Module):
    """x + narrow(mix(widen(x))): 1x1 to twice the channels, grouped 3x3, 1x1 that starts at zero.

    The weights of the first two have variance 2 / (1 + LEAK^2) / sqrt(blocks) / fan_in
    (arXiv:1901.09321 with three layers in a branch), so that depth changes neither values nor
    steps.
    """

    def __init__(self, channels: int, blocks: int, noise: float = 0.0) -> None:
        """Make one of so many blocks; `noise` is its initial strength, 0: it has none."""
        super().__init__()
        inner = 2 * channels
        groups = inner // GROUP if inner % GROUP == 0 else 1
        gain = math.sqrt(2.0 / (1.0 + LEAK**2)) * blocks**-0.25
        self.widen = make_conv(channels, inner, gain, has_bias=True)
        self.mix = make_conv(inner, inner, gain, has_bias=True, side=3, groups=groups)
        self.narrow = make_conv(inner, channels, 0.0)
        self.noise = make_conv(NOISES, inner, noise) if noise else None

    def forward(
        self,
        values: torch.Tensor,
        noise: torch.Tensor | None = None,
        trace: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """(B, C, S, S), (B, NOISES, S, S) -> (B, C, S, S); the trace gets what turn_back needs."""
        wide = self.widen(values)
        if self.noise is not None and noise is not None:
            wide = wide + self.noise(noise)
        wide = F.leaky_relu(wide, LEAK)
        mixed = F.leaky_relu(self.mix(wide), LEAK)
        if trace is not None:
            trace += [wide.detach(), mixed.detach()]
        return values + self.narrow(mixed)

    def turn_back(self, gradient: torch.Tensor, trace: list[torch.Tensor]) -> torch.Tensor:
        """Gradient by the block's output -> gradient by its input; pops its part of the trace."""
        inner = gradient
        for conv in (self.narrow, self.mix):  # True: given the LeakyReLU's output, not its input
            inner, output = _convolve_back(conv, inner), trace.pop()
            inner = torch.ops.aten.leaky_relu_backward(inner, output, LEAK, True)
        return gradient + _convolve_back(self.widen, inner)


class Resampling(nn.Module):
    """Halves or doubles the side, smoothed by [1, 3, 3, 1] in both directions, zeros outside.

    Where the width changes, a 1x1 convolution at the smaller side changes it.
    """

    kernel: torch.Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0
        self.register_buffer("kernel", line[:, None] * line, persistent=False)
        self.change = make_conv(before, after, 1.0) if before != after else None

    def shrink(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) -> (B, C', S/2, S/2)."""
        channels, each = values.shape[1], self.kernel.expand(values.shape[1], 1, -1, -1)
        values = F.conv2d(values, each, stride=2, padding=1, groups=channels)
        return values if self.change is None else self.change(values)

    def turn_back(self, gradient: torch.Tensor) -> torch.Tensor:
        """Gradient by the result of shrink -> gradient by its input."""
        if self.change is not None:
            gradient = _convolve_back(self.change, gradient)
        return self._spread(gradient, self.kernel)

    def grow(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) -> (B, C', 2 S, 2 S): bilinear, values as large as before."""
        changed = values if self.change is None else self.change(values)
        return self._spread(changed, 4.0 * self.kernel)

    @staticmethod
    def _spread(values: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        channels, each = values.shape[1], kernel.expand(values.shape[1], 1, -1, -1)
        return F.conv_transpose2d(values, each, stride=2, padding=1, groups=channels)


class R3ganGenerator(nn.Module):
    """(B, numbers) standard normals, latent and pixel noise -> (B, C, S, S) in [-1, 1]."""

    def __init__(self, latent: int, width: int, channels: int, side: int = IMAGE_PX) -> None:
        super().__init__()
        sides, widths = list_stages(side, width)
        blocks = len(sides) * BLOCKS
        self.latent = latent
        self.numbers = latent + NOISES * BLOCKS * sum(side**2 for side in sides)
        self.basis = nn.Parameter(torch.randn(widths[0], sides[0], sides[0]))
        self.mix = nn.Parameter(torch.randn(latent, widths[0]) / math.sqrt(latent))
        self.layers = nn.ModuleList()
        for side, before, after in zip(sides, [widths[0], *widths], widths, strict=False):
            self.layers.extend([Resampling(before, after)] if side != sides[0] else [])
            strength = NOISE_STRENGTH * side / sides[-1]
            self.layers.extend(Block(after, blocks, strength) for _ in range(BLOCKS))
        self.to_picture = make_conv(widths[-1], channels, 1.0, has_bias=True)

    def forward(self, normals: torch.Tensor) -> torch.Tensor:
        """(B, numbers) float32 -> (B, C, S, S) float32, clipped to [-1, 1]."""
        values = (normals[:, : self.latent] @ self.mix)[..., None, None] * self.basis
        values = values.contiguous(memory_format=torch.channels_last)
        at = self.latent
        for layer in self.layers:
            if isinstance(layer, Resampling):
                values = layer.grow(values)
                continue
            shape = (-1, NOISES, *values.shape[2:])
            noise = normals[:, at : (at := at + NOISES * values[0, 0].numel())].view(shape)
            values = layer(values, noise.contiguous(memory_format=torch.channels_last))
        return clip(self.to_picture(values).float())


class R3ganCritic(nn.Module):
    """(B, C, S, S) in [-1, 1] -> (B,) scores; only their differences mean something."""

    def __init__(self, width: int, channels: int, side: int = IMAGE_PX) -> None:
        super().__init__()
        sides, widths = (stages[::-1] for stages in list_stages(side, width))
        blocks, last = len(sides) * BLOCKS, sides[-1]
        self.from_picture = make_conv(channels, widths[0], 1.0, has_bias=True)
        self.layers = nn.ModuleList(Block(widths[0], blocks) for _ in range(BLOCKS))
        for before, after in pairwise(widths):
            self.layers.append(Resampling(before, after))
            self.layers.extend(Block(after, blocks) for _ in range(BLOCKS))
        self.basis = nn.Parameter(torch.randn(widths[-1], last, last) / last)
        self.weigh = nn.Parameter(torch.randn(widths[-1], 1, 1) / math.sqrt(widths[-1]))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) -> (B,) float32."""
        return self._score(self._describe(pictures, None))

    def score_and_gradient(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, C, S, S) -> (B,) scores, (B, C, S, S) gradients by the pictures, float32.

        The critic is piecewise linear. So its gradient is the chain of its transposed layers and
        of the LeakyReLUs' slopes, which are constant almost everywhere. Written out, scores and
        gradients can be differentiated by the weights. Autograd's second derivative would be
        slower: it treats every group of a convolution separately.
        """
        trace: list[torch.Tensor] = []
        values = self._describe(pictures, trace)
        gradient = (GRADIENT_SCALE * self.weigh * self.basis).to(values.dtype)
        gradient = gradient.expand_as(values).contiguous(memory_format=torch.channels_last)
        for layer in reversed(self.layers):
            if isinstance(layer, Resampling):
                gradient = layer.turn_back(gradient)
            elif isinstance(layer, Block):
                gradient = layer.turn_back(gradient, trace)
        gradient = _convolve_back(self.from_picture, gradient)
        return self._score(values), gradient.float() / GRADIENT_SCALE

    def _describe(self, pictures: torch.Tensor, trace: list[torch.Tensor] | None) -> torch.Tensor:
        """(B, C, S, S) -> (B, C', s, s), the head's input; s is the coarsest side."""
        values = self.from_picture(pictures).contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            if isinstance(layer, Resampling):
                values = layer.shrink(values)
            else:
                values = layer(values, trace=trace)
        return values

    def _score(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C', s, s) -> (B,) by a depthwise s x s convolution and a linear layer, in float32."""
        return ((values.float() * self.basis).sum((2, 3)) * self.weigh.flatten()).sum(1)


def list_stages(side: int, width: int) -> tuple[list[int], list[int]]:
    """(side of a picture, width) -> side and channels of each stage, the coarsest first.

    The side has to be 4 to 7 px, doubled any number of times.
    """
    sides = [side]
    while sides[0] > COARSEST:
        sides.insert(0, sides[0] // 2)
    is_doubled = sides[0] << (len(sides) - 1) == side
    assert is_doubled, f"r3gan makes 4 to 7 px that are doubled, not {side} px"
    return sides, [_count_channels(each, width) for each in sides]


def _count_channels(side: int, width: int) -> int:
    """(side of a stage, width) -> its channels; at 32 px one width."""
    if side > IMAGE_PX:
        return max(1, width // 2)
    return width * min(MOST_SHARE, IMAGE_PX >> (side - 1).bit_length())


class _Clip(torch.autograd.Function):
    """Clips to [-1, 1]; outside, only gradients that lead back inside pass."""

    @staticmethod
    def forward(context, values: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        context.save_for_backward(values)
        return values.clamp(-1.0, 1.0)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        (values,) = context.saved_tensors
        return gradient * ((values.abs() <= 1.0) | (values * gradient > 0.0))


def clip(values: torch.Tensor) -> torch.Tensor:
    """Any values -> clipped to [-1, 1]; saturated pixels are exact and still get gradients."""
    return _Clip.apply(values)


def make_conv(
    inputs: int, outputs: int, gain: float, has_bias: bool = False, side: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Sizes -> a convolution that keeps the side; weights N(0, gain^2 / fan_in), bias 0."""
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2, groups=groups, bias=has_bias)
    nn.init.normal_(conv.weight, 0.0, gain / math.sqrt(conv.weight[0].numel()))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _convolve_back(conv: nn.Conv2d, gradient: torch.Tensor) -> torch.Tensor:
    """(convolution of make_conv, gradient by its output) -> gradient by its input."""
    padding = conv.kernel_size[0] // 2
    return F.conv_transpose2d(gradient, conv.weight, None, padding=padding, groups=conv.groups)
