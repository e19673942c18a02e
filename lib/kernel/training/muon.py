"""Gradients of weight matrices -> steps of equal length in every direction (Muon).

K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). The step is the
steepest descent in the spectral norm (arXiv:2409.20325, section 3). A matrix's momentum U S V^T
becomes U V^T by Newton-Schulz iterations, x <- a x + (b G + c G^2) x with G = x x^T. Their
coefficients lift small singular values fast and leave all of them near 1. Vectors, tables and the
first and last layers of a network are left to Adam.
"""

from collections.abc import Iterable, Sequence

import torch

from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.distributed import Ranks

ITERATIONS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # Jordan's quintic
MOMENTUM = 0.95
DECAY = 0.01  # of the weights, times the learning rate, as in AdamW
_LEAST = 1e-7  # keeps a gradient of zeros finite


class Muon(torch.optim.Optimizer):
    """The optimiser of a network's hidden matrices.

    Every rank keeps all momenta, orthogonalises its share of them and sends the result to the
    others. So all ranks take the same step.
    """

    # With it a GradScaler leaves `found_inf` on the device, and the host need not wait for it.
    _step_supports_amp_scaling = True
    found_inf: torch.Tensor | None = None  # set by the scaler during a step

    def __init__(
        self,
        matrices: Iterable[torch.Tensor],
        lr: float,
        dtype: torch.dtype,
        cores: Cores,
        ranks: Ranks,
    ) -> None:
        """Optimise matrices; `dtype` is that of the iterations, cores and ranks share the work."""
        super().__init__(matrices, {"lr": lr})
        self._dtype = dtype
        self._cores = cores
        self._ranks = ranks

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step every matrix by its gradient; make no step where GradScaler found an overflow."""
        assert getattr(self, "grad_scale", None) is None, (
            "gradients must be unscaled before Muon's step"
        )
        for group in self.param_groups:
            matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
            steps = self._orthogonalise_all([self._follow(matrix) for matrix in matrices])
            self._take(matrices, steps, group["lr"])

    def _follow(self, matrix: torch.Tensor) -> torch.Tensor:
        """Add a matrix's gradient to its momentum; return the Nesterov momentum."""
        if not self.state[matrix]:
            self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        gradient, momentum = matrix.grad, self.state[matrix]["momentum"]
        assert gradient is not None, "matrices without a gradient were left out"
        if self.found_inf is None:
            momentum.lerp_(gradient, 1.0 - MOMENTUM)
        else:
            is_whole = self.found_inf == 0
            gradient = torch.where(is_whole, gradient, momentum)  # which then stays as it was
            momentum.lerp_(gradient, 1.0 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)

    def _orthogonalise_all(self, steps: list[torch.Tensor]) -> list[torch.Tensor]:
        """Orthogonalise this rank's share of the momenta; get the rest from the other ranks."""
        owners = share_out([_cost(step) for step in steps], self._ranks.count)
        own = [at for at, owner in enumerate(owners) if owner == self._ranks.rank]
        found = [step.to(self._dtype) for step in steps]
        stacks = _stack_up(steps, own)

        def work(numbers: list[int]) -> None:
            with torch.no_grad():  # the mode belongs to a thread
                stack = orthogonalise(torch.stack([steps[at] for at in numbers]), self._dtype)
            for at, step in zip(numbers, stack, strict=True):
                found[at] = step

        self._cores.map(work, stacks)
        self._ranks.exchange(found, owners)
        return found

    def _take(self, matrices: list[torch.Tensor], steps: list[torch.Tensor], lr: float) -> None:
        """Move the matrices by their steps, scaled so that entries move equally in any shape."""
        rate: float | torch.Tensor = lr
        if self.found_inf is not None:
            rate = lr * (self.found_inf == 0)
        for matrix, step in zip(matrices, steps, strict=True):
            rows, columns = matrix.shape
            length = max(1.0, rows / columns) ** 0.5
            matrix.mul_(1.0 - rate * DECAY).sub_(step.to(matrix.dtype) * (rate * length))


def orthogonalise(matrices: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """(N, m, n) -> (N, m, n) with the same singular vectors and singular values of about 1.

    They are normalised before the cast to the iterations' dtype: float16 has no tiny gradients.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + _LEAST)  # the iteration needs values up to 1
    x = x.to(dtype or x.dtype)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x.mT if is_tall else x


def share_out(costs: Sequence[float], workers: int) -> list[int]:
    """Costs of pieces -> the worker of each; the costliest come first, to who has least to do."""
    owners, loads = [0] * len(costs), [0.0] * workers
    for at in sorted(range(len(costs)), key=lambda number: -costs[number]):
        owners[at] = loads.index(min(loads))
        loads[owners[at]] += costs[at]
    return owners


def _stack_up(matrices: list[torch.Tensor], own: list[int]) -> list[list[int]]:
    """Indices of matrices -> groups of them: on a GPU by shape, on a CPU each alone."""
    stacks: dict[object, list[int]] = {}
    for at in own:
        stacks.setdefault(matrices[at].shape if matrices[at].is_cuda else at, []).append(at)
    return sorted(stacks.values(), key=lambda stack: -len(stack) * _cost(matrices[stack[0]]))


def _cost(matrix: torch.Tensor) -> int:
    return min(matrix.shape) ** 2 * max(matrix.shape)
