"""Pictures and a condition for each -> pictures of that shape: a small U-Net.

It is of the family of arXiv:2006.11239 and 2206.00364 (table 1, "DDPM++"): residual blocks of
GroupNorm, SiLU and 3x3 convolutions on three scales or more, self-attention on the coarser scales,
and a skip from each block on the way down to its partner on the way up. Our deviation: strided 2x2
convolutions go down, and 1x1 convolutions with repeated pixels go up. So no 3x3 convolution works
on one scale with the width of another.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lib.kernel.configuration.challenge import IMAGE_PX

SCALES = 3  # at least
COARSEST = 12  # px, side of the coarsest scale at most
WIDER = 2  # channels of all scales but the finest, in widths
ATTENDING = 16  # px, side up to which a scale has attention
CONDITION = 4  # length of the condition inside, in widths
HEAD = 64  # channels of an attention head, at most


@dataclass(frozen=True)
class UNetShape:
    """The numbers that decide the sizes of a UNet."""

    channels: int  # 1 grey, 3 colour
    width: int  # channels on the finest scale
    depth: int  # blocks on each scale, on the way down and on the way up
    side: int = IMAGE_PX  # of a picture

    @property
    def sides(self) -> list[int]:
        """List the sides of all scales, the finest first."""
        sides = [self.side]
        while len(sides) < SCALES or sides[-1] > COARSEST:
            assert sides[-1] % 2 == 0, f"edm halves the side down to {COARSEST} px: {self.side}"
            sides.append(sides[-1] // 2)
        return sides

    def count_channels(self, scale: int) -> int:
        """Return the channels of a scale; 0 is the finest."""
        return self.width * (WIDER if scale else 1)


class UNet(nn.Module):
    """(B, C, S, S) and (B,) -> (B, C, S, S); all zero before training."""

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self.shape = shape
        self.condition = Condition(shape.width, CONDITION * shape.width)
        self.first = nn.Conv2d(shape.channels, shape.width, 3, padding=1)
        self.scales = Scale(shape, 0)
        self.last_norm = group_norm(shape.width)
        self.last = nn.Conv2d(shape.width, shape.channels, 3, padding=1)
        zero_weights(self.last)

    def forward(self, pictures: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) of unit variance, (B,) of order 1 -> (B, C, S, S)."""
        values = self.scales(self.first(pictures), self.condition(conditions))
        return self.last(F.silu(self.last_norm(values)))


class Scale(nn.Module):
    """The blocks on one scale, with the coarser scales between them."""

    def __init__(self, shape: UNetShape, number: int) -> None:
        super().__init__()
        own, length = shape.count_channels(number), CONDITION * shape.width
        sides = shape.sides
        attends = number > 0 and sides[number] <= ATTENDING
        is_last = number + 1 == len(sides)
        self.downs = nn.ModuleList(Block(own, own, length, attends) for _ in range(shape.depth))
        self.ups = nn.ModuleList(Block(2 * own, own, length, attends) for _ in range(shape.depth))
        if is_last:
            self.inside: nn.Module = Block(own, own, length, attends)
        else:
            inner = shape.count_channels(number + 1)
            self.smaller = nn.Conv2d(own, inner, 2, 2)
            self.inside = Scale(shape, number + 1)
            self.larger = nn.Conv2d(inner, own, 1)
        self.is_last = is_last

    def forward(self, values: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, own, S, S), (B, length) -> (B, own, S, S)."""
        kept = []
        for block in self.downs:
            values = block(values, condition)
            kept.append(values)
        if self.is_last:
            values = self.inside(values, condition)
        else:
            values = self.larger(self.inside(self.smaller(values), condition))
            values = F.interpolate(values, scale_factor=2.0, mode="nearest")
        for block in self.ups:
            values = block(torch.cat([values, kept.pop()], 1), condition)
        return values


class Condition(nn.Module):
    """(B,) -> (B, length): sines and cosines of it, then two layers."""

    frequencies: torch.Tensor

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        frequencies = 2.0 ** torch.linspace(-1.0, 3.0, -(-width // 2))  # radians for each unit
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * len(frequencies), length), nn.SiLU(), nn.Linear(length, length), nn.SiLU()
        )

    def forward(self, conditions: torch.Tensor) -> torch.Tensor:
        """(B,) float32 -> (B, length)."""
        angles = conditions[:, None] * self.frequencies
        return self.layers(torch.cat([angles.cos(), angles.sin()], 1))


class Block(nn.Module):
    """(B, inputs, S, S) -> (B, outputs, S, S): two convolutions, then attention where asked for.

    The condition scales and shifts the values between the convolutions (arXiv:2206.00364,
    appendix F). Variance is kept.
    """

    def __init__(self, inputs: int, outputs: int, length: int, attends: bool) -> None:
        super().__init__()
        self.norm_in, self.norm_out = group_norm(inputs), group_norm(outputs)
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv_out = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.modulate = nn.Linear(length, 2 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = Attention(outputs) if attends else nn.Identity()
        zero_weights(self.conv_out)

    def forward(self, values: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, inputs, S, S), (B, length) -> (B, outputs, S, S)."""
        change = self.conv_in(F.silu(self.norm_in(values)))
        scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, 1)
        change = self.conv_out(F.silu(torch.addcmul(shift, self.norm_out(change), scale + 1.0)))
        return self.attention((self.skip(values) + change) * math.sqrt(0.5))


class Attention(nn.Module):
    """(B, C, S, S) -> the same shape: self-attention over all places, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // HEAD) if channels % HEAD == 0 else 1
        self.norm = group_norm(channels)
        self.mix = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        zero_weights(self.out)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) -> (B, C, S, S)."""
        batch, channels, height, width = values.shape
        normed = self.norm(values).contiguous(memory_format=torch.channels_last)  # lost on a GPU;
        # in this order each head's channels are neighbours, as fast attention needs
        mixed = self.mix(normed).view(batch, 3, self.heads, -1, height * width)
        query, key, value = mixed.transpose(-1, -2).unbind(1)  # (B, heads, S S, C / heads)
        seen = F.scaled_dot_product_attention(query, key, value)
        seen = seen.transpose(-1, -2).reshape(batch, channels, height, width)
        return (values + self.out(seen)) * math.sqrt(0.5)


def group_norm(channels: int) -> nn.GroupNorm:
    """Channels -> a GroupNorm of at most 32 groups, each of at least 4 channels where possible."""
    fitting = [n for n in range(1, 33) if channels % n == 0 and channels // n >= 4]
    return nn.GroupNorm(max(fitting, default=1), channels, eps=1e-5)


def zero_weights(layer: nn.Conv2d) -> None:
    """Set a layer's weights to zero, so that its branch adds nothing before training."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
