"""A function from tensors to gradients -> the same as a CUDA graph, which is launched at once.

Small networks wait for the launches of their kernels, not for the kernels. A graph holds all
kernels, those of a gradient penalty's second derivative too. It reads its inputs from the same
memory every time.
"""

from collections.abc import Callable

import torch

from lib.base.log import log
from lib.kernel.device.plain_steps import Compute, Losses, PlainSteps

WARM_UPS = 2  # on a stream of their own: libraries allocate what they need before the capture
RTOL, ATOL = 1e-2, 1e-3  # tolerances: of each entry of a gradient, and of its largest entry
ALIKE = 0.95  # least share of entries within the tolerances, averaged over the gradients
LEAST_FREE = 0.3  # of the GPU's memory beside a graph: optimisers, samples and features need some

Capture = Callable[[Callable[[], None]], Callable[[], None]]


class StepGraph:
    """A captured function; its results lie in memory that the next call overwrites."""

    def __init__(self, compute: Compute, inputs: list[torch.Tensor], capture: Capture) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        self._gradients: list[torch.Tensor] = []
        self._losses: Losses = {}

        def work() -> None:
            self._gradients, self._losses = compute(self._inputs)

        self._replay = capture(work)

    def __call__(self, inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor], Losses]:
        """Tensors of the captured shapes -> gradients, valid until the next call, and losses."""
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        self._replay()
        values = torch.stack(list(self._losses.values())).unbind()
        return self._gradients, dict(zip(self._losses, values, strict=True))


def make_graphs() -> "StepGraphs":
    """Make the holder of a trainer's graphs, empty at first."""
    return StepGraphs(capture_on_gpu)


class StepGraphs(PlainSteps):
    """A trainer's steps by name, each with its graph where there is one."""

    def __init__(self, capture: Capture | None) -> None:
        self.capture = capture  # None: functions are called as they are
        self.made: dict[str, StepGraph | None] = {}

    def run(
        self,
        name: str,
        compute: Compute,
        inputs: list[torch.Tensor],
        list_buffers: Callable[[], list[torch.Tensor]],
    ) -> tuple[list[torch.Tensor], Losses]:
        """(step's name, its function, inputs, buffers that it changes) -> gradients and losses."""
        if self.capture is not None and name not in self.made:
            buffers = list_buffers()
            kept = [buffer.clone() for buffer in buffers]
            try:
                self.made[name] = make_graph(name, compute, inputs, self.capture)
            finally:
                for buffer, value in zip(buffers, kept, strict=True):
                    buffer.copy_(value)  # a normalisation must count this batch only once
            if self.made[name] is None:
                self.capture = None  # a capture that failed may leave traces: there is no second
        return (self.made.get(name) or compute)(inputs)

    def free(self) -> bool:
        """Give up all graphs for good, if there are any, and tell whether there were."""
        held = any(self.made.values())
        self.made.clear()
        if held:
            self.capture = None
            log("train", "out of memory: no CUDA graphs from here on, they hold memory")
            torch.cuda.empty_cache()
        return held


def make_graph(
    name: str, compute: Compute, inputs: list[torch.Tensor], capture: Capture
) -> StepGraph | None:
    """(step's name, function, first inputs) -> its graph, or None where that fails; logs which.

    The graph must give what the function gives on the same inputs.
    """
    expected = compute(inputs)[0]
    try:
        graph = StepGraph(compute, inputs, capture)
        share = _share_alike(graph(inputs)[0], expected)
    except RuntimeError as error:  # what a capture does not allow, or no memory for its results
        first = error.__context__ or error  # to end a broken capture raises a second error
        reason = str(first).splitlines()[0]
    else:
        if share >= ALIKE:
            log("train", f"{name} step: its kernels are launched as one CUDA graph")
            return graph
        reason = f"only {share:.1%} of the gradients came out alike"
    log("train", f"{name} step: kernels are launched one by one; no CUDA graph: {reason}")
    return None


def capture_on_gpu(work: Callable[[], None]) -> Callable[[], None]:
    """A function of no arguments -> its CUDA graph's replay; RuntimeError where it has none.

    Other threads, such as NCCL's, may use the GPU meanwhile.
    """
    side, current = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            work()
    current.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    finally:
        torch.cuda.set_stream(current)  # a broken capture would leave its own stream set
    free, total = torch.cuda.mem_get_info()
    if free < LEAST_FREE * total:
        raise RuntimeError(f"it would leave {free / total:.0%} of the GPU's memory")
    return graph.replay


def _share_alike(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Two lists of gradients -> mean share of entries alike; what overflowed must do so in both."""
    shares = []
    for one, two in zip(found, expected, strict=True):
        largest = float(two.abs().nan_to_num(0.0, 0.0, 0.0).max())
        close = torch.isclose(one, two, rtol=RTOL, atol=ATOL * largest, equal_nan=True)
        shares.append(float(close.float().mean()))
    return sum(shares) / len(shares)
