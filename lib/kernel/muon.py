"""Gradients of weight matrices -> steps of equal length in every direction (Muon).

K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the step is the
steepest descent in the spectral norm (arXiv:2409.20325, section 3). A matrix's momentum U S V^T
becomes U V^T by Newton-Schulz iterations, x <- a x + (b G + c G^2) x with G = x x^T, whose
coefficients lift small singular values fast and leave all of them near 1. Vectors, tables and the
layers at both ends of a network belong to Adam.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch

ITERATIONS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # Jordan's quintic
MOMENTUM = 0.95
DECAY = 0.01  # of the weights, times the learning rate, as in AdamW
_LEAST = 1e-7  # a gradient of zeros stays one

Stacks = list[list[torch.Tensor]]
Spread = Callable[[Callable[[Stacks], None], Sequence[Stacks]], Any]


class Muon(torch.optim.Optimizer):
    """The optimiser of a network's hidden matrices."""

    def __init__(
        self,
        matrices: Iterable[torch.Tensor],
        lr: float,
        dtype: torch.dtype,
        spread: Spread,
        parts: int,
    ) -> None:
        """(matrices, rate, format of the iterations, a map that works side by side, how many)."""
        super().__init__(matrices, {"lr": lr})
        self._dtype = dtype
        self._spread = spread
        self._parts = parts

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """The gradients -> one step of every matrix."""
        for group in self.param_groups:
            stacks = _stack_up([matrix for matrix in group["params"] if matrix.grad is not None])
            shares = [stacks[at :: self._parts] for at in range(self._parts)]
            self._spread(partial(self._advance, lr=group["lr"]), shares)

    @torch.no_grad()  # a mode of the thread
    def _advance(self, stacks: Stacks, lr: float) -> None:
        """Each step is orthogonal, scaled so that entries move alike in any shape."""
        for matrices in stacks:
            steps = [self._follow(matrix, matrix.grad) for matrix in matrices]
            rows, columns = matrices[0].shape
            length = -lr * max(1.0, rows / columns) ** 0.5
            flat = orthogonalise(torch.stack(steps), self._dtype)
            for matrix, step in zip(matrices, flat, strict=True):
                matrix.mul_(1.0 - lr * DECAY).add_(step, alpha=length)

    def _follow(self, matrix: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
        """A matrix and its gradient -> Nesterov momentum."""
        assert gradient is not None, "matrices without a gradient were left out"
        if not self.state[matrix]:
            self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        momentum = self.state[matrix]["momentum"].lerp_(gradient, 1.0 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def orthogonalise(matrices: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """(N, m, n) -> (N, m, n) with the same singular vectors and singular values of about 1.

    They are brought to length 1 before the iterations' own dtype: float16 holds no small gradients.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + _LEAST)  # the iteration needs values up to 1
    x = x.to(dtype or x.dtype)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x.mT if is_tall else x


def _stack_up(matrices: list[torch.Tensor]) -> Stacks:
    """Matrices -> on a GPU those of one shape together, on a CPU each alone; costly ones first."""
    stacks: dict[Any, list[torch.Tensor]] = {}
    for number, matrix in enumerate(matrices):
        stacks.setdefault(matrix.shape if matrix.is_cuda else number, []).append(matrix)
    return sorted(stacks.values(), key=lambda stack: -len(stack) * _cost(stack[0]))


def _cost(matrix: torch.Tensor) -> int:
    return min(matrix.shape) ** 2 * max(matrix.shape)
