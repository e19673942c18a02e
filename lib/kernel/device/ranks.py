"""The processes that train together, as the rest of the kernel sees them.

Here is the case of one process, which exchanges nothing. That of several is in distributed.py.
"""

from dataclasses import dataclass
from typing import Any

import torch


class RankLostError(Exception):
    """Another process ended or fell silent; this one still works."""


@dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # its GPU on this machine
    local_count: int = 1  # ranks on this machine

    def slice_of(self, batch: int) -> slice:
        """Number of images of a step -> this rank's slice of them, as even as possible."""
        return slice(batch * self.rank // self.count, batch * (self.rank + 1) // self.count)

    def all_reduce(self, tensors: list[torch.Tensor]) -> None:
        """Replace the tensors of each rank by their sums over all ranks, in one exchange."""

    def exchange(self, tensors: list[torch.Tensor], owners: list[int]) -> None:
        """Replace each tensor by that of the rank which owns it."""

    def broadcast(self, *message: Any) -> None:
        """Send rank 0's message to all the others, who `receive` it."""

    def receive(self) -> Any:
        """Wait for the next message of rank 0."""
        raise AssertionError("a process alone has nobody to listen to")

    def gather(self, own: Any) -> list[Any]:
        """An object of each rank -> all of them in order on rank 0, an empty list elsewhere."""
        return [own]

    def shutdown(self) -> None:
        """Let the others leave at the end of rank 0's work."""

    def abandon(self) -> None:
        """End the spawned processes that are left after a loss, without waiting for them."""


ALONE = Ranks()
