"""Rows of a picture -> for each row a summary of the rows above it: a causal transformer."""

import torch
from torch import nn
from torch.nn import functional as F


class RowTransformer(nn.Module):
    """Marks of rows -> for each row a summary of all rows above it."""

    def __init__(self, inputs: int, width: int, depth: int, side: int, codes: int) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.from_code = make_table(codes, width)
        self.place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.layers = nn.ModuleList(RowLayer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, marks: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(B, M, S, S), (B,) -> (B, S, width); the summary of row y covers only rows before y."""
        tokens = self.tokens(marks) + self.from_code(codes)[:, None]
        return self.norm(self._pass(tokens, None))

    def extend(
        self, row: torch.Tensor, codes: torch.Tensor, number: int, memory: list[torch.Tensor]
    ) -> torch.Tensor:
        """Add the row above row `number` (zeros: none) to memory; return its (B, width) summary."""
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
        """(B, n, width) -> (B, n, width); with a memory of earlier keys and values, n is 1."""
        split = self.query_key_value(self.norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if memory is not None:
            if number < len(memory):
                memory[number] = torch.cat([memory[number], torch.stack([key, value])], dim=3)
            else:
                memory.append(torch.stack([key, value]))
            key, value = memory[number]
        mixed = attend(query, key, value, is_causal=memory is None)
        return self.feed(tokens + self.mix(mixed.transpose(1, 2).flatten(2)))


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, is_causal: bool
) -> torch.Tensor:
    """(B, heads, n, d), two of (B, heads, m, d) -> (B, heads, n, d): arXiv:1706.03762 eq. 1.

    It is written out because PyTorch's fused attention takes six times as long for so few tokens
    on a CPU.
    """
    scores = (query * query.shape[-1] ** -0.5 @ key.mT).float()
    if is_causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return scores.softmax(-1).to(value.dtype) @ value


class Residual(nn.Module):
    """x + W2 silu(W1 norm(x)); W2 starts at zero."""

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


def make_table(entries: int, width: int) -> nn.Embedding:
    """Make a table with a small vector for each entry, to be added to others."""
    table = nn.Embedding(entries, width)
    nn.init.normal_(table.weight, 0.0, 0.02)
    return table
