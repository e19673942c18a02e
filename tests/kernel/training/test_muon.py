"""lib.kernel.training.muon against the singular value decomposition."""

import pytest
import torch

from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.device import Device
from lib.kernel.device.ranks import ALONE
from lib.kernel.training.muon import DECAY, Muon, orthogonalise, share_out

pytestmark = pytest.mark.ships


CPU = Device(torch.device("cpu"), None, "cpu")


def make(weight: torch.Tensor, lr: float = 0.1) -> Muon:
    return Muon([weight], lr, torch.float32, Cores(CPU), ALONE)


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


def test_a_scaled_step_asks_no_host_and_skips_what_is_not_finite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GradScaler reads found_inf on the host for an optimiser that does not take it: a wait."""
    torch.manual_seed(3)
    start, gradient = torch.randn(6, 9), torch.randn(6, 9)
    plain = torch.nn.Parameter(start.clone())
    plain.grad = gradient.clone()
    make(plain).step()
    weight = torch.nn.Parameter(start.clone())
    muon, scaler = make(weight), torch.amp.GradScaler("cpu", init_scale=1024.0)
    read = []
    for name in ("item", "tolist", "__bool__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, lambda tensor: read.append(tensor))
    for spoilt in (False, True):
        before = weight.detach().clone()
        weight.grad = gradient.clone()
        if spoilt:
            weight.grad[2, 3] = float("inf")
        scaler.scale(torch.zeros(()))
        weight.grad *= 1024.0
        scaler.unscale_(muon)
        scaler.step(muon)
        scaler.update()
        assert torch.equal(weight.detach(), before if spoilt else plain.detach())
    assert not read
    monkeypatch.undo()
    torch.testing.assert_close(muon.state[weight]["momentum"], 0.05 * gradient)
    assert scaler.get_scale() == 512.0  # halved once


def test_the_costliest_pieces_go_to_who_has_least() -> None:
    assert share_out([1, 8, 3, 4], 2) == [1, 0, 1, 1]
    assert share_out([5, 5], 3) == [0, 1]
    assert share_out([], 2) == []
