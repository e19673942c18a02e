"""Pieces of work -> their results in order, on a CPU one core for each piece.

PyTorch splits every operation between the cores and waits after each one. Pieces that run side by
side, each on one core, wait only once. Small operations gain most. On a machine that other programs
share the gain is larger still, for there every operation would wait for the slowest core.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Self, TypeVar

import torch

from lib.kernel.device.device import Device

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_BEGUN = 2  # pieces of a stream for each core: a slow one then keeps no other core waiting


class Cores:
    """As many threads as PyTorch uses for one operation, on the rank's cores; none on a GPU."""

    def __init__(self, device: Device) -> None:
        self.count = 1 if device.is_cuda else torch.get_num_threads()
        self._ranks = device.ranks
        self._place = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self._place.enter_context(pin_to_cores(self._ranks.local_rank, self._ranks.local_count))
        if self.count > 1:
            self._pool = ThreadPoolExecutor(
                self.count, "core", initializer=torch.set_num_threads, initargs=(1,)
            )
            torch.set_num_threads(1)  # the small operations between two maps do not wait either
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
            torch.set_num_threads(self.count)
        self._place.close()

    def map(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
        """(function, pieces) -> results in the pieces' order; the first error is raised here.

        Gradient and autocast modes belong to a thread: the function enters those that it needs.
        """
        if self._pool is None:
            return [work(piece) for piece in pieces]
        if len(pieces) > 1:
            return list(self._pool.map(work, pieces))
        torch.set_num_threads(self.count)  # a single piece has all cores to itself
        try:
            return [work(piece) for piece in pieces]
        finally:
            torch.set_num_threads(1)

    def stream(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """(function, pieces) -> results in the pieces' order, each as soon as it is there.

        Every piece has one core, even the last one, so no result depends on the number of pieces.
        """
        if self._pool is None:
            yield from map(work, pieces)
            return
        begun: deque[Future[Result]] = deque()
        try:
            for piece in pieces:
                begun.append(self._pool.submit(work, piece))
                if len(begun) >= _BEGUN * self.count:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()


@contextmanager
def pin_to_cores(rank: int, ranks: int) -> Iterator[None]:
    """Pin this thread, and those that are begun in the block, to the rank's share of the cores.

    Otherwise the scheduler queues a short-lived thread of one rank behind another rank's step, and
    then all ranks wait for it. Nothing is pinned where a GPU trains, where a machine has only one
    rank, or where it has fewer cores than ranks.
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
    """List the cores that this thread may use; none where a GPU trains or nothing can be pinned."""
    if torch.cuda.is_available() or not hasattr(os, "sched_setaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def _keep_to(cores: list[int]) -> None:
    with suppress(OSError):  # a sandbox may forbid it, which costs speed only
        os.sched_setaffinity(0, cores)
