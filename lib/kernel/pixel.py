"""A code and pixels so far -> logits of the next one: an autoregressive model of 8-bit pictures.

p(picture) = p(code) times the product over rows, columns, channels of p(value | code, all before),
each a 256-way softmax:
PixelRNN (arXiv:1601.06759 eq. 1 and 2). Where PixelCNN (arXiv:1606.05328) shares a trunk of causal
convolutions, this shares a causal transformer whose 32 tokens are whole rows, so that it sees all
that lies above. Each pixel adds a window, the beginning of its row and counts of what came before
in a small residual network. A picture's rows cost little beside its pixels, any number of which can
be trained in a step, and sampling evaluates one small network for each pixel.

Long because the network is one formula, trunk and window together.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from lib.kernel.codebook import Codebook

LEVELS = 256
ROWS_ABOVE = 6  # of the window
REACH = 10  # columns of the window to either side


@dataclass(frozen=True)
class PixelShape:
    """What decides the sizes of a PixelModel."""

    channels: int  # 1 grey, 3 colour
    width: int  # of all hidden layers
    depth: int  # transformer layers over rows
    side: int = 32  # px
    codes: int = 1  # kinds of picture, of which one is drawn before the first pixel


class PixelModel(nn.Module):
    """(B, C, S, S) uint8 -> logits of any of its values, from the code and the values before."""

    def __init__(self, shape: PixelShape) -> None:
        super().__init__()
        self.shape = shape
        side, width, marks = shape.side, shape.width, 3 * shape.channels
        self.codebook = Codebook(shape.codes, shape.channels)
        self.from_code = nn.Embedding(shape.codes, width)
        self.rows = RowTrunk(marks * side, width, shape.depth, side, shape.codes)
        self.per_column = width // 8
        self.spread = nn.Linear(width, side * self.per_column)
        self.from_column = nn.Linear(self.per_column, width)
        self.from_row = nn.Linear(width, width, bias=False)
        self.from_above = nn.Linear(marks * ROWS_ABOVE * (2 * REACH + 1), width, bias=False)
        self.from_left = nn.Linear(marks * (side - 1), width, bias=False)
        self.from_counts = nn.Linear(2 * marks, width, bias=False)
        self.row_place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.column_place = nn.Parameter(torch.randn(side, width) * 0.02)
        nn.init.normal_(self.from_code.weight, 0.0, 0.02)
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
        above, left = self._gather_windows(marks, places)
        hidden = hidden + self.from_above(above) + self.from_left(left)
        hidden = hidden + self.from_counts(self._count_before(marks, places))
        hidden = hidden + self.from_code(codes)[:, None]
        chosen = images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1).long())
        return self.finish(hidden, chosen.transpose(1, 2))

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """-> (the hidden layers' matrices, everything else: places, tables, biases, both ends)."""
        apart: set[torch.Tensor] = {self.row_place, self.column_place, self.rows.place}
        apart.add(self.rows.embed.weight)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                apart.add(module.weight)
            elif isinstance(module, Head):
                apart.add(module.logits.weight)
        hidden = [w for w in self.parameters() if w.ndim == 2 and w not in apart]
        chosen = set(hidden)
        return hidden, [weight for weight in self.parameters() if weight not in chosen]

    def begin_row(self, row: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(B, width) a row's context, (B,) -> (B, S, width): what each column takes from them."""
        own = self.from_row(row) + self.from_code(codes)
        return self.from_column(self.spread_rows(row)) + own[:, None]

    def spread_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """(..., width) row contexts -> (..., S, width / 8), a share of them for each column."""
        return F.silu(self.spread(rows).unflatten(-1, (self.shape.side, self.per_column)))

    def finish(self, hidden: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """(B, K, width), (B, K, C) the pixels' own values -> (B, K, C, 256) logits."""
        hidden = self.refine(hidden)
        return torch.stack(
            [head(hidden, values[..., :channel]) for channel, head in enumerate(self.heads)], dim=-2
        )

    def refine(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width): the pixel's own network."""
        for block in self.blocks:
            hidden = block(hidden)
        return hidden

    def _gather_windows(
        self, marks: torch.Tensor, places: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, M, S, S), (B, K) -> (B, K, M * window above) and (B, K, M * (S - 1) to the left)."""
        side, device = self.shape.side, marks.device
        padded = pad_marks(marks)
        stride = padded.shape[-1]
        corner = places // side * stride + places % side  # top left of the window, padded
        rows, columns = (
            torch.arange(ROWS_ABOVE, device=device),
            torch.arange(2 * REACH + 1, device=device),
        )
        above = (rows[:, None] * stride + columns + side - 1 - REACH).flatten()
        left = torch.arange(side - 1, device=device) + ROWS_ABOVE * stride
        flat = padded.flatten(2).transpose(1, 2)  # (B, padded pixels, M)
        batch = torch.arange(len(marks), device=device)[:, None, None]
        return (
            flat[batch, corner[..., None] + above].flatten(2),
            flat[batch, corner[..., None] + left].flatten(2),
        )

    def _count_before(self, marks: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(B, M, S, S), (B, K) -> (B, K, 2 M): sums over the pixels before, and their means."""
        sums = F.pad(marks.flatten(2), (1, -1)).cumsum(2).transpose(1, 2)
        chosen = sums.gather(1, places[..., None].expand(-1, -1, sums.shape[2]).long())
        return scale_counts(chosen, places[..., None], self.shape.side)


class RowTrunk(nn.Module):
    """Rows of marks -> for each row a summary of all the rows above it (causal transformer)."""

    def __init__(self, inputs: int, width: int, depth: int, side: int, codes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.from_code = nn.Embedding(codes, width)
        nn.init.normal_(self.from_code.weight, 0.0, 0.02)
        self.place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.layers = nn.ModuleList(RowLayer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, marks: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(B, M, S, S), (B,) -> (B, S, width); row y's summary holds the rows before y alone."""
        tokens = self.tokens(marks) + self.from_code(codes)[:, None]
        return self.norm(self._pass(tokens, None))

    def extend(
        self, row: torch.Tensor, codes: torch.Tensor, number: int, memory: list[torch.Tensor]
    ) -> torch.Tensor:
        """(B, M, S) the row above row `number` (zeros for none) -> (B, width), memory grows."""
        token = self.embed(row.flatten(1)) + self.place[number] + self.from_code(codes)
        return self.norm(self._pass(token[:, None], memory))[:, 0]

    def tokens(self, marks: torch.Tensor) -> torch.Tensor:
        """(B, M, S, S) -> (B, S, width): token y is row y - 1, token 0 is empty."""
        shifted = F.pad(marks, (0, 0, 1, -1))
        return self.embed(shifted.transpose(1, 2).flatten(2)) + self.place

    def _pass(self, tokens: torch.Tensor, memory: list[torch.Tensor] | None) -> torch.Tensor:
        for number, layer in enumerate(self.layers):
            tokens = layer(tokens, memory, number)
        return tokens


class RowLayer(nn.Module):
    """Pre-norm self-attention over the rows so far, then a feed-forward layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.feed = Residual(width)

    def forward(
        self, tokens: torch.Tensor, memory: list[torch.Tensor] | None, number: int
    ) -> torch.Tensor:
        """(B, n, width) -> (B, n, width); with a memory of earlier keys and values n is 1."""
        split = self.query_key_value(self.norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if memory is not None:
            if number < len(memory):
                memory[number] = torch.cat([memory[number], torch.stack([key, value])], dim=3)
            else:
                memory.append(torch.stack([key, value]))
            key, value = memory[number]
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=memory is None)
        return self.feed(tokens + self.mix(mixed.transpose(1, 2).flatten(2)))


class Residual(nn.Module):
    """x + W2 silu(W1 norm(x)), W2 zero at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, width)
        self.narrow = nn.Linear(width, width)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width)."""
        return values + self.narrow(F.silu(self.widen(self.norm(values))))


class Head(nn.Module):
    """One colour channel's logits, from the pixel's network and the channels before it."""

    def __init__(self, width: int, before: int) -> None:
        super().__init__()
        tables = [nn.Embedding(LEVELS, width) for _ in range(before)]
        for table in tables:
            nn.init.normal_(table.weight, 0.0, 0.02)
        self.given = nn.ModuleList(tables)
        self.block = Residual(width)
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, LEVELS)

    def forward(self, hidden: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """(..., width), (..., channels before) uint8 -> (..., 256) logits."""
        for channel, table in enumerate(self.given):
            hidden = hidden + table(values[..., channel].int())
        return self.logits(self.norm(self.block(hidden)))


def mark_pixels(images: torch.Tensor) -> torch.Tensor:
    """(B, C, ...) uint8 -> (B, 3 C, ...) float32: value in [-1, 1], whether 0, whether 255."""
    return torch.cat([images / 127.5 - 1.0, (images == 0).float(), (images == 255).float()], dim=1)


def pad_marks(marks: torch.Tensor) -> torch.Tensor:
    """(B, M, S, S) -> (B, M, S + rows above, S - 1 + S + reach), zeros outside the picture."""
    return F.pad(marks, (marks.shape[-1] - 1, REACH, ROWS_ABOVE, 0))


def scale_counts(sums: torch.Tensor, before: torch.Tensor, side: int) -> torch.Tensor:
    """(..., M) sums over `before` pixels -> (..., 2 M): per picture area, and means of them."""
    means = sums / before.clamp(min=1)
    return torch.cat([sums * (4.0 / side**2), means], dim=-1)
