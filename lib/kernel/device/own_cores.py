"""A rank's place on its machine -> the cores that its threads keep to.

Ranks without GPUs share a machine's cores evenly. Left to itself the scheduler queues a short-lived
thread of one rank behind another rank's step, and then the whole team waits for it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch


@contextmanager
def pin_to_cores(rank: int, ranks: int) -> Iterator[None]:
    """(place among the ranks of this machine) -> a block whose threads keep to their share.

    This thread is meant and those that it starts inside. Where a GPU trains, where the only rank
    of a machine does or where there are fewer cores than ranks, they go anywhere as before.
    """
    cores = _list_cores()
    if not 1 < ranks <= len(cores):
        yield
        return
    _keep_to(cores[len(cores) * rank // ranks : len(cores) * (rank + 1) // ranks])
    try:
        yield
    finally:
        _keep_to(cores)


def _list_cores() -> list[int]:
    """-> those that this thread may use, where they are what trains and can be chosen."""
    if torch.cuda.is_available() or not hasattr(os, "sched_setaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def _keep_to(cores: list[int]) -> None:
    with suppress(OSError):  # a sandbox may forbid it, which costs speed only
        os.sched_setaffinity(0, cores)
