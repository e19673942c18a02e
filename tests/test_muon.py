"""lib.kernel.muon against the singular value decomposition."""

import torch

from lib.kernel.muon import DECAY, Muon, orthogonalise


def do_all(work, shares) -> None:  # type: ignore[no-untyped-def]
    for share in shares:
        work(share)


def make(weight: torch.Tensor, lr: float = 0.1) -> Muon:
    return Muon([weight], lr, torch.float32, do_all, 1)


def test_singular_values_become_one_and_the_vectors_stay() -> None:
    torch.manual_seed(0)
    for shape in ((3, 40, 24), (2, 24, 40), (1, 32, 32)):
        matrices = torch.randn(shape, dtype=torch.float64)
        found = orthogonalise(matrices)
        values = torch.linalg.svdvals(found)
        assert values.min() > 0.3  # a square matrix's least one is small at first
        assert values.max() < 1.3
        left, _, right = torch.linalg.svd(matrices, full_matrices=False)
        mixed = left.mT @ found @ right.mT  # diagonal where the vectors are the same
        off = mixed - torch.diag_embed(mixed.diagonal(dim1=-2, dim2=-1))
        assert off.abs().max() < 1e-9


def test_float16_keeps_the_directions_of_small_gradients() -> None:
    """Cast before their length was taken off they were zeros: float16's least value is 6e-8."""
    torch.manual_seed(0)
    matrices = 1e-8 * torch.randn(2, 40, 64)
    found = orthogonalise(matrices, torch.float16)
    assert found.dtype is torch.float16
    values = torch.linalg.svdvals(found.double())
    assert 0.3 < values.min() <= values.max() < 1.3


def test_a_first_step_moves_every_direction_alike() -> None:
    torch.manual_seed(1)
    start = torch.randn(48, 12)
    weight = torch.nn.Parameter(start.clone())
    weight.grad = torch.randn(48, 12) @ torch.diag(torch.logspace(0, -2, 12))
    make(weight).step()
    moved = (weight.detach() - start * (1 - 0.1 * DECAY)) / (-0.1 * 2.0)  # sqrt(48 / 12)
    values = torch.linalg.svdvals(moved)
    assert 0.6 < values.min() <= values.max() < 1.3  # the gradient's own span a factor of 100


def test_a_gradient_of_zeros_moves_nothing_but_the_decay() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    make(weight).step()
    torch.testing.assert_close(weight.detach(), torch.full((4, 4), 1 - 0.1 * DECAY))


def test_a_resumed_optimiser_goes_on_to_the_bit() -> None:
    torch.manual_seed(2)
    gradients = torch.randn(6, 8, 5)

    def run(stops: bool) -> torch.Tensor:
        weight = torch.nn.Parameter(torch.ones(8, 5))
        muon = make(weight)
        for number, gradient in enumerate(gradients):
            if stops and number == 3:
                state = muon.state_dict()
                muon = make(weight)
                muon.load_state_dict(state)
            weight.grad = gradient.clone()
            muon.step()
        return weight.detach()

    assert torch.equal(run(False), run(True))
