"""A code and pixels so far -> logits of the next one: an autoregressive model of 8-bit pictures.

p(code, picture) = p(code) times the product over rows, columns, channels of p(value | code, all
before), each a 256-way softmax: PixelRNN (arXiv:1601.06759 eq. 1 and 2). PixelCNN
(arXiv:1606.05328) has a shared trunk of causal convolutions. Here the trunk is a causal transformer
whose tokens are whole rows, so it sees everything above. For each pixel a small residual network
adds a window around it, all pixels to its left and straight above, the lengths of the runs that end
there, and counts of all earlier values. A part of a value's logit depends on its difference from
JPEG-LS's prediction (ITU-T T.87, A.4.1), because tones mostly continue. Rows cost little beside
pixels. Any number of pixels can be trained in a step, and sampling evaluates one small network for
each pixel.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.recipes.pixel.clusters import Clusters
from lib.kernel.recipes.pixel.row_transformer import Residual, RowTransformer, make_table

LEVELS = 256
ROWS_ABOVE = 6  # rows of the window above the pixel
REACH = 10  # columns of the window on either side
NEAR = 32  # greatest difference from the prediction, up or down, with its own logit


@dataclass(frozen=True)
class PixelShape:
    """The numbers that decide the sizes of a PixelModel."""

    channels: int  # 1 grey, 3 colour
    width: int  # units of each hidden layer
    depth: int  # transformer layers over rows
    side: int = IMAGE_PX
    codes: int = 1  # number of codes; one is drawn before the first pixel


class PixelModel(nn.Module):
    """(B, C, S, S) uint8 -> logits of any of its values, from the code and the earlier values."""

    def __init__(self, shape: PixelShape) -> None:
        super().__init__()
        self.shape = shape
        side, width, marks = shape.side, shape.width, 3 * shape.channels
        self.codebook = Clusters(shape.codes, shape.channels)
        self.from_code = make_table(shape.codes, width)
        self.rows = RowTransformer(marks * side, width, shape.depth, side, shape.codes)
        self.per_column = width // 8
        self.spread = nn.Linear(width, side * self.per_column)
        self.from_column = nn.Linear(self.per_column, width)
        self.from_row = nn.Linear(width, width, bias=False)
        self.from_above = nn.Linear(marks * ROWS_ABOVE * (2 * REACH + 1), width, bias=False)
        self.from_left = nn.Linear(marks * (side - 1), width, bias=False)
        self.from_top = nn.Linear(marks * (side - 1), width, bias=False)
        self.from_run = nn.ModuleList(make_table(side, width) for _ in range(2))  # left, top
        self.from_counts = nn.Linear(2 * marks, width, bias=False)
        self.row_place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.column_place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.blocks = nn.ModuleList(Residual(width) for _ in range(2))
        self.heads = nn.ModuleList(Head(width, channel) for channel in range(shape.channels))

    def forward(
        self, images: torch.Tensor, places: torch.Tensor, codes: torch.Tensor
    ) -> torch.Tensor:
        """(B, C, S, S) uint8, (B, K) raster numbers of pixels, (B,) -> (B, K, C, 256) logits."""
        marks = mark_pixels(images)
        rows = self.rows(marks, codes)  # (B, S, width)
        y, x = places // self.shape.side, places % self.shape.side
        batch = torch.arange(len(images), device=images.device)[:, None]
        hidden = self.from_column(self.spread_rows(rows)[batch, y, x])
        hidden = hidden + self.from_row(rows)[batch, y] + self.row_place[y] + self.column_place[x]
        above, left, top = self._gather_windows(marks, places)
        hidden = hidden + self.from_above(above) + self.from_left(left) + self.from_top(top)
        hidden = hidden + self.from_counts(self._count_before(marks, places))
        hidden = hidden + self.from_code(codes)[:, None]
        left_runs, top_runs = measure_runs(images), measure_runs(images.mT).mT
        hidden = hidden + self.from_run[0](left_runs[batch, y, x])
        hidden = hidden + self.from_run[1](top_runs[batch, y, x])
        spots = places[:, None].expand(-1, images.shape[1], -1).long()
        chosen = images.flatten(2).gather(2, spots).transpose(1, 2)
        expected = predict_values(images).flatten(2).gather(2, spots).transpose(1, 2)
        return self.finish(hidden, chosen, expected)

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Split the weights into matrices of hidden layers, and all others."""
        apart: set[torch.Tensor] = {self.row_place, self.column_place, self.rows.place}
        apart.add(self.rows.embed.weight)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                apart.add(module.weight)
            elif isinstance(module, Head):
                apart |= {module.logits.weight, module.near.weight}
        hidden = [w for w in self.parameters() if w.ndim == 2 and w not in apart]
        chosen = set(hidden)
        return hidden, [weight for weight in self.parameters() if weight not in chosen]

    def begin_row(self, row: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(B, width) context of a row, (B,) codes -> (B, S, width), their part for each column."""
        own = self.from_row(row) + self.from_code(codes)
        return self.from_column(self.spread_rows(row)) + own[:, None]

    def spread_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """(..., width) contexts of rows -> (..., S, width / 8), a part for each column."""
        return F.silu(self.spread(rows).unflatten(-1, (self.shape.side, self.per_column)))

    def finish(
        self, hidden: torch.Tensor, values: torch.Tensor, expected: torch.Tensor
    ) -> torch.Tensor:
        """(B, K, width), (B, K, C) values, (B, K, C) predicted values -> (B, K, C, 256) logits."""
        hidden = self.refine(hidden)
        each = [
            head(hidden, values[..., :channel], expected[..., : channel + 1])
            for channel, head in enumerate(self.heads)
        ]
        return torch.stack(each, dim=-2)

    def refine(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width): the pixel's own network."""
        for block in self.blocks:
            hidden = block(hidden)
        return hidden

    def _gather_windows(
        self, marks: torch.Tensor, places: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, M, S, S), (B, K) -> (B, K, M * n): window, pixels to the left, pixels above."""
        side, margin = self.shape.side, find_margin(self.shape.side)
        padded = pad_marks(marks).contiguous(memory_format=torch.channels_last)
        band = padded[..., margin - ROWS_ABOVE : -1, margin - REACH :]
        above = band.unfold(2, ROWS_ABOVE, 1).unfold(3, 2 * REACH + 1, 1)
        left = padded[..., margin:, margin - side + 1 : -REACH - 1].unfold(3, side - 1, 1)
        top = padded[..., margin - side + 1 : -1, margin:-REACH].unfold(2, side - 1, 1)
        batch = torch.arange(len(marks), device=marks.device)[:, None]
        y, x = places // side, places % side
        chosen = [view.movedim(1, -1)[batch, y, x].flatten(2) for view in (above, left, top)]
        return chosen[0], chosen[1], chosen[2]

    def _count_before(self, marks: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(B, M, S, S), (B, K) -> (B, K, 2 M): sums over all earlier pixels, and their means."""
        sums = F.pad(marks.flatten(2), (1, -1)).cumsum(2).transpose(1, 2)
        chosen = sums.gather(1, places[..., None].expand(-1, -1, sums.shape[2]).long())
        return scale_counts(chosen, places[..., None], self.shape.side)


class Head(nn.Module):
    """The logits of one colour channel, from the pixel's network and the channels before it."""

    def __init__(self, width: int, before: int) -> None:
        super().__init__()
        self.given = nn.ModuleList(make_table(LEVELS, width) for _ in range(before))
        self.block = Residual(width)
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, LEVELS)
        self.near = nn.Linear(width, 2 * NEAR + 1, bias=False)
        nn.init.zeros_(self.near.weight)

    def forward(
        self, hidden: torch.Tensor, values: torch.Tensor, expected: torch.Tensor
    ) -> torch.Tensor:
        """(..., width), earlier channels uint8, predictions up to this one -> (..., 256) logits."""
        for channel, table in enumerate(self.given):
            hidden = hidden + table(values[..., channel].int())
        hidden = self.norm(self.block(hidden))
        centre = expected[..., -1:].long()
        if values.shape[-1]:  # this channel's prediction errs as that before
            centre = (centre + values[..., -1:] - expected[..., -2:-1]).clamp(0, LEVELS - 1)
        offsets = torch.arange(2 * NEAR + 1, device=hidden.device)
        logits = F.pad(self.logits(hidden), (NEAR, NEAR))
        return logits.scatter_add(-1, centre + offsets, self.near(hidden))[..., NEAR:-NEAR]


def predict_values(images: torch.Tensor) -> torch.Tensor:
    """(B, C, S, S) uint8 -> (B, C, S, S) int64: each pixel's median-edge prediction (JPEG-LS)."""
    padded = F.pad(images.long(), (1, 0, 1, 0))
    left, above, corner = padded[..., 1:, :-1], padded[..., :-1, 1:], padded[..., :-1, :-1]
    low, high = torch.minimum(left, above), torch.maximum(left, above)
    return (left + above - corner).clamp(low, high)


def mark_pixels(images: torch.Tensor) -> torch.Tensor:
    """(B, C, ...) uint8 -> (B, 3 C, ...) float32: value in [-1, 1], whether 0, whether 255."""
    return torch.cat([images / 127.5 - 1.0, (images == 0).float(), (images == 255).float()], dim=1)


def measure_runs(images: torch.Tensor) -> torch.Tensor:
    """(B, C, ..., S) uint8 -> (B, ..., S) int64: length of the run of equal pixels before each."""
    place = torch.arange(images.shape[-1], device=images.device)
    begins = (images[..., 1:] != images[..., :-1]).any(1)
    starts = (F.pad(begins, (1, 0)) * place).cummax(-1).values
    return F.pad(place[1:] - starts[..., :-1], (1, 0))


def find_margin(side: int) -> int:
    """Side of a picture -> pixels that windows may reach beyond its top and left edges."""
    return max(side - 1, REACH, ROWS_ABOVE)


def pad_marks(marks: torch.Tensor) -> torch.Tensor:
    """(B, M, S, S) -> (B, M, margin + S, margin + S + reach), zeros outside the picture."""
    margin = find_margin(marks.shape[-1])
    return F.pad(marks, (margin, REACH, margin, 0))


def scale_counts(sums: torch.Tensor, before: torch.Tensor, side: int) -> torch.Tensor:
    """(..., M) sums over `before` pixels -> (..., 2 M): sums per picture area, and means."""
    means = sums / before.clamp(min=1)
    return torch.cat([sums * (4.0 / side**2), means], dim=-1)
