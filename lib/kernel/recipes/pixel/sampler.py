"""Codes and uniforms -> a pixel model's pictures, drawn pixel by pixel."""

from collections.abc import Callable

import torch

from lib.kernel.recipes.pixel.model import (
    REACH,
    ROWS_ABOVE,
    PixelModel,
    find_margin,
    mark_pixels,
    measure_runs,
    predict_values,
    scale_counts,
)

RARE = 0.02


class PixelWalk:
    """Pictures that grow in raster order; what rows above decide is computed once a row."""

    def __init__(self, model: PixelModel, codes: torch.Tensor) -> None:
        shape, count, device = model.shape, len(codes), codes.device
        self._model = model
        self._codes = codes
        self._marks = 3 * shape.channels
        self.images = torch.zeros(
            (count, shape.channels, shape.side, shape.side), dtype=torch.uint8, device=device
        )
        self._margin = find_margin(shape.side)
        whole = self._margin + shape.side
        padded = (count, whole, whole + REACH, self._marks)
        self._canvas = torch.zeros(padded, device=device)
        self._sums = torch.zeros((count, self._marks), device=device)
        self._numbers = torch.arange(shape.side**2, device=device)
        self._memory: list[torch.Tensor] = []
        self._row = torch.empty(0, device=device)
        self._hidden = torch.empty(0, device=device)
        self._expected = torch.empty(0, device=device)

    def begin_row(self, y: int) -> None:
        """Compute what all columns of row y get from the rows above."""
        side, model, margin = self._model.shape.side, self._model, self._margin
        own = slice(margin, margin + side)
        above = self._canvas[:, margin + y - 1, own]
        context = model.rows.extend(above.transpose(1, 2), self._codes, y, self._memory)
        band = self._canvas[:, margin + y - ROWS_ABOVE : margin + y, margin - REACH :]
        windows = band.unfold(2, 2 * REACH + 1, 1)  # (B, rows above, S, M, window)
        windows = windows.permute(0, 2, 1, 4, 3).flatten(2)
        tops = self._canvas[:, margin + y - (side - 1) : margin + y, own]  # (B, S - 1, S, M)
        base = model.begin_row(context, self._codes) + model.from_above(windows)
        base = base + model.from_top(tops.transpose(1, 2).flatten(2))
        base = base + model.from_run[1](measure_runs(self.images.mT)[..., y])
        self._row = base + model.row_place[y] + model.column_place

    def begin_pixel(self, y: int, x: int) -> None:
        """Compute the pixel's own network at a place, for the heads of its channels."""
        side, model, margin = self._model.shape.side, self._model, self._margin
        left = self._canvas[:, margin + y, margin + x - (side - 1) : margin + x].flatten(1)
        runs = measure_runs(self.images[:, :, y])[:, x]
        corner = self.images[:, :, max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 1]
        self._expected = predict_values(corner)[..., -1, -1]
        counts = scale_counts(self._sums, self._numbers[y * side + x], side)
        self._hidden = model.refine(
            self._row[:, x]
            + model.from_left(left)
            + model.from_run[0](runs)
            + model.from_counts(counts)
        )

    def logits(self, y: int, x: int, channel: int) -> torch.Tensor:
        """A place and channel whose predecessors are known -> (count, 256) logits."""
        known = self.images[:, :channel, y, x]
        return self._model.heads[channel](self._hidden, known, self._expected[:, : channel + 1])

    def put(self, y: int, x: int, channel: int, values: torch.Tensor) -> None:
        """Put (count,) uint8 values of a place and channel into the pictures."""
        self.images[:, channel, y, x] = values
        if channel + 1 == self._model.shape.channels:
            marks = mark_pixels(self.images[:, :, y, x])
            self._canvas[:, self._margin + y, self._margin + x] = marks
            self._sums += marks


def draw_pictures(
    model: PixelModel,
    codes: torch.Tensor,
    uniforms: torch.Tensor,
    temperature: float,
    tail: float = 0.0,
    tick: Callable[[float], None] | None = None,
) -> torch.Tensor:
    """(count,) codes, (count, S, S, C) uniforms in [0, 1) -> (count, C, S, S) uint8.

    Each value is its distribution's quantile at its uniform. `tick` is called after each row with
    the share of the work that is done.
    """
    walk = PixelWalk(model, codes)
    for y in range(model.shape.side):
        walk.begin_row(y)
        for x in range(model.shape.side):
            walk.begin_pixel(y, x)
            for channel in range(model.shape.channels):
                logits = walk.logits(y, x, channel).float() / temperature
                chosen = choose_values(logits, uniforms[:, y, x, channel], tail)
                walk.put(y, x, channel, chosen)
        if tick is not None:
            tick((y + 1) / model.shape.side)
    return walk.images


def choose_values(logits: torch.Tensor, uniforms: torch.Tensor, tail: float = 0.0) -> torch.Tensor:
    """(B, 256) logits, (B,) in [0, 1) -> (B,) uint8: the distribution's quantiles.

    Rare values (less likely than RARE times the likeliest) are left out where all of them together
    have a chance below `tail`, a cheap nucleus (arXiv:1904.09751). In a flat area a chance of 1e-4
    for a wrong value hardly changes the likelihood, but it spoils a tenth of the pictures. Where
    the rare values matter together, as where soft pictures part from flat ones, all of them stay.
    """
    chances = logits.softmax(-1)
    is_rare = chances < RARE * chances.amax(-1, keepdim=True)
    rare = (chances * is_rare).sum(-1, keepdim=True)
    chances = chances.masked_fill(is_rare & (rare < tail), 0.0)
    heights = chances.cumsum(-1)
    target = uniforms[:, None] * heights[:, -1:]
    return (heights <= target).sum(-1).clamp(max=logits.shape[-1] - 1).to(torch.uint8)
