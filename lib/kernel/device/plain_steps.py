"""How a step's gradient function is called: here as it is, in cuda_graph.py as a graph."""

from collections.abc import Callable

import torch

Losses = dict[str, torch.Tensor]  # scalars on the device, detached
# Inputs -> gradients and losses.
Compute = Callable[[list[torch.Tensor]], tuple[list[torch.Tensor], Losses]]


class PlainSteps:
    """Calls functions as they are."""

    def run(
        self,
        name: str,
        compute: Compute,
        inputs: list[torch.Tensor],
        list_buffers: Callable[[], list[torch.Tensor]],
    ) -> tuple[list[torch.Tensor], Losses]:
        """(step's name, its function, inputs, buffers that it changes) -> gradients and losses."""
        return compute(inputs)

    def free(self) -> bool:
        """Free the memory that is held for steps; tell if there was any."""
        return False
