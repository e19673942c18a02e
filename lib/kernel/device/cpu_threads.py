"""Pieces of work -> their results in order, on a CPU one core for each piece.

PyTorch splits every single operation between the cores and waits after each of them; pieces that
run side by side, each on one core, wait once. Small operations gain most, and on a machine that
other programs share an operation no longer waits for its slowest core a thousand times a second.
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
    """As many threads as PyTorch would use for one operation, none on a GPU; a rank's own cores."""

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

        Every piece has one core, the last one too, so that no result depends on how many there are.
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
    """Pin each CPU rank's threads to its share of the cores: this one and those begun inside.

    Left to itself the scheduler queues a short-lived thread of one rank behind another rank's step,
    and then all ranks wait for it. Where a GPU trains, where the only rank of a machine does or
    where there are fewer cores than ranks, threads go anywhere as before.
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
    """List the cores that this thread may use, where they train and can be chosen."""
    if torch.cuda.is_available() or not hasattr(os, "sched_setaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def _keep_to(cores: list[int]) -> None:
    with suppress(OSError):  # a sandbox may forbid it, which costs speed only
        os.sched_setaffinity(0, cores)
