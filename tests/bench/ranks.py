"""A recipe and a number of processes -> the device that leads them, for the time of a block."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lib.kernel.device.cuda_graph import make_graphs
from lib.kernel.device.device import Device, choose_device
from lib.kernel.recipe import Recipe
from lib.kernel.training.worker_rank import spawn_workers


@contextmanager
def start_ranks(recipe: Recipe, wanted: int) -> Iterator[Device]:
    """Start the other ranks, 0 wants one for each GPU, and let them leave after the block."""
    device = choose_device(make_graphs=make_graphs)
    gpus = torch.cuda.device_count() if device.is_cuda else 0
    ranks = spawn_workers(wanted, gpus, recipe, make_graphs)
    try:
        yield dataclasses.replace(device, ranks=ranks)
    finally:
        ranks.shutdown()
