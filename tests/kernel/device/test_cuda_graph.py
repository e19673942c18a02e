"""device.cuda_graph: static inputs, checked results, ways back; a real graph where a GPU is."""

from collections.abc import Callable

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from lib.kernel.device import cuda_graph
from lib.kernel.device.cuda_graph import (
    Capture,
    Compute,
    StepGraphs,
    capture_on_gpu,
    make_graph,
    make_graphs,
)
from lib.kernel.device.device import Device, choose_device
from lib.kernel.device.plain_steps import PlainSteps
from lib.kernel.recipes.table import make_config
from lib.kernel.training.trainer import Trainer
from tests import small
from tests.kernel.training.test_train import CPU, SMALL, TRAINERS, count_channels, make_images

RECIPES = list(TRAINERS)


def capture_plainly(work: Callable[[], None]) -> Callable[[], None]:
    """What a replay does, without a GPU: the same function on the same memory."""
    work()
    return work


def refuse(work: Callable[[], None]) -> Callable[[], None]:
    try:
        raise RuntimeError("operation not permitted when stream is capturing\nmore words")
    finally:
        raise RuntimeError("the capture is invalid")  # as torch.cuda.graph does at its end


def spoil(work: Callable[[], None]) -> Callable[[], None]:
    """A capture that missed what the inputs depend on: its replay does nothing."""
    work()
    return lambda: None


def double(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    return [2.0 * inputs[0]], {"sum": inputs[0].sum()}


def test_inputs_are_copied_and_losses_outlive_the_next_call() -> None:
    graph = make_graph("some", double, [torch.ones(3)], capture_plainly)
    assert graph
    first = graph([torch.tensor([1.0, 2.0, 3.0])])[1]
    second = graph([torch.tensor([4.0, 5.0, 6.0])])
    assert float(first["sum"]) == 6.0
    assert second[0][0].tolist() == [8.0, 10.0, 12.0]


def test_a_capture_that_fails_is_told_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_graph("critic", double, [torch.ones(3)], refuse) is None
    said = capsys.readouterr().out
    assert "critic step: kernels are launched one by one" in said
    assert "operation not permitted" in said
    assert "more words" not in said


def test_a_graph_that_computes_something_else_is_not_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[float] = []

    def drift(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        calls.append(1.0)
        return [inputs[0] * len(calls)], {"sum": inputs[0].sum()}

    assert make_graph("critic", drift, [torch.ones(3)], spoil) is None
    assert "0.0% of the gradients" in capsys.readouterr().out


def test_gradients_that_overflow_alike_are_alike() -> None:
    def overflow(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        return [inputs[0] / 0.0 * torch.tensor([1.0, 0.0, -1.0])], {"sum": inputs[0].sum()}

    assert make_graph("critic", overflow, [torch.ones(3)], capture_plainly)


def test_no_memory_for_the_step_itself_is_the_trainer_s_affair() -> None:
    def too_large(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        make_graph("critic", too_large, [torch.ones(3)], capture_plainly)


@pytest.mark.parametrize("recipe", RECIPES)
def test_all_that_changes_from_step_to_step_is_an_input(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps traced once into plain operations, as a CUDA graph keeps them, train as others do."""
    monkeypatch.setattr(cuda_graph, "make_graph", trace)
    plain, (replayed, graphs) = make_trainer(recipe, CPU), make_replayed(recipe, capture_plainly)
    compare(plain, replayed, rtol=1e-4)
    assert len(graphs.made) == (1 if recipe in ("pixel", "edm") else 2)


def trace(name: str, compute: Compute, inputs: list[torch.Tensor], capture: Capture) -> Compute:
    return make_fx(compute)(inputs)


def test_a_trace_keeps_what_python_gave_it_once() -> None:
    """What the test above would miss if Python ran again."""
    rate = [2.0]

    def scale(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        return [inputs[0] * rate[0]], {}

    traced = trace("some", scale, [torch.ones(3)], capture_plainly)
    rate[0] = 3.0
    assert traced([torch.ones(3)])[0][0].tolist() == [2.0, 2.0, 2.0]


def test_graphs_give_their_memory_back_before_the_batch_is_parted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain, (trainer, graphs) = make_trainer("pixel", CPU), make_replayed("pixel", capture_plainly)
    trainer.train_step(0, 0.1)
    plain.train_step(0, 0.1)

    def exhaust(inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        raise torch.OutOfMemoryError("out of memory")

    assert graphs.made
    graphs.made = dict.fromkeys(graphs.made, exhaust)  # type: ignore[arg-type]
    found, expected = trainer.train_step(1, 0.1), plain.train_step(1, 0.1)
    assert torch.equal(found["nll"], expected["nll"])
    assert (trainer.micro_batch, graphs.capture) == (plain.micro_batch, None)
    assert "no CUDA graphs from here on" in capsys.readouterr().out


def test_after_a_capture_that_failed_none_is_tried_again() -> None:
    tried = []

    def count_and_refuse(work: Callable[[], None]) -> Callable[[], None]:
        tried.append(work)
        return refuse(work)

    trainer, _ = make_replayed("first-seed", count_and_refuse)
    for step in range(4):
        trainer.train_step(step, 0.1)
    assert len(tried) == 1


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA graph needs a GPU")
def test_steps_by_cuda_graphs_train_as_launched_ones_do(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, replayed = (
        make_trainer(recipe, choose_device(make_graphs=graphs)) for graphs in (None, make_graphs)
    )
    assert type(plain.graphs) is PlainSteps
    assert isinstance(replayed.graphs, StepGraphs)
    assert replayed.graphs.capture is capture_on_gpu
    compare(plain, replayed, rtol=2e-2)
    assert replayed.graphs.made
    assert all(replayed.graphs.made.values()), capsys.readouterr().out


def make_trainer(recipe: str, device: Device) -> Trainer:
    config = make_config(recipe, small.keep_used(recipe, {**SMALL[recipe], "n_critic": 2}))
    return small.make_trainer(make_images(count_channels(recipe)), config, device)


def make_replayed(recipe: str, capture: Capture) -> tuple[Trainer, StepGraphs]:
    """A trainer on the CPU whose steps are captured by that function; its graphs."""
    trainer, graphs = make_trainer(recipe, CPU), StepGraphs(capture)
    trainer.graphs = graphs
    return trainer, graphs


def compare(plain: Trainer, replayed: Trainer, rtol: float) -> None:
    """Eight steps of both -> an error unless all losses and the running statistics agree."""
    for step in range(8):
        expected, found = plain.train_step(step, step / 8), replayed.train_step(step, step / 8)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=rtol, atol=rtol)
    for name, value in plain.export().items():
        if "running" in name or "tracked" in name:
            torch.testing.assert_close(replayed.export()[name], value, rtol=rtol, atol=rtol)
