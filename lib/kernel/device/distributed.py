"""Several processes that train together: rank 0 leads, the others follow its messages.

Every rank holds the same weights and takes its slice of the same batch. torch.distributed sums the
gradients of all ranks, and equal sums make equal steps. DistributedDataParallel would not do: it
listens to backward(), while a gradient penalty needs autograd.grad. Rank 0 alone reads the clock,
writes files and logs. Its messages travel over gloo, so that they wait for no GPU.
"""

import dataclasses
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from lib.base.log import log
from lib.base.stop_signals import end_with_parent
from lib.kernel.device.cpu_threads import pin_to_cores
from lib.kernel.device.ranks import ALONE, RankLostError, Ranks

_GATHERING = timedelta(minutes=5)  # until all ranks have started
_LOOK_S = 0.05  # between two looks whether they have
_PATIENCE = timedelta(hours=13)  # the others wait while rank 0 decodes and measures
_IN_STEP = timedelta(minutes=30)  # ranks wait in a step; then NCCL ends a run that lost a rank

_NAME = "rank"  # of spawned processes, before their number

Work = Callable[[Ranks], None]  # what the other ranks do: a function at the top of a module


@contextmanager
def _noticing_loss() -> Iterator[None]:
    """Raise RankLostError where the other side of an exchange in this block is gone."""
    try:
        yield
    except RuntimeError as error:  # torch.distributed's own errors are RuntimeErrors too
        raise RankLostError(f"another process is gone: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True)
class DistributedRanks(Ranks):
    """Several processes, each with its place among them."""

    _objects: Any = field(default=None, repr=False)  # process group of messages

    def all_reduce(self, tensors: list[torch.Tensor]) -> None:
        """Replace the tensors of each rank by their sums over all ranks, in one exchange."""
        flat = torch.cat([tensor.flatten().float() for tensor in tensors])
        with _noticing_loss():
            dist.all_reduce(flat)
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, total in zip(tensors, flat.split(sizes), strict=True):
            tensor.copy_(total.view_as(tensor))

    def exchange(self, tensors: list[torch.Tensor], owners: list[int]) -> None:
        """Replace each tensor by that of the rank which owns it."""
        for owner in range(self.count):
            theirs = [t for t, by in zip(tensors, owners, strict=True) if by == owner]
            if not theirs:
                continue
            flat = torch.cat([tensor.flatten() for tensor in theirs])
            with _noticing_loss():
                dist.broadcast(flat.view(torch.uint8), src=owner)  # bytes: gloo knows few formats
            if owner != self.rank:
                parts = flat.split([tensor.numel() for tensor in theirs])
                for tensor, part in zip(theirs, parts, strict=True):
                    tensor.copy_(part.view_as(tensor))

    def broadcast(self, *message: Any) -> None:
        """Send rank 0's message to all the others, who `receive` it."""
        with _noticing_loss():
            dist.broadcast_object_list([message], src=0, group=self._objects)

    def receive(self) -> Any:
        """Wait for the next message of rank 0."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0, group=self._objects)
        return box[0]

    def gather(self, own: Any) -> list[Any]:
        """An object of each rank -> all of them in order on rank 0, an empty list elsewhere."""
        found: list[Any] | None = [None] * self.count if self.rank == 0 else None
        with _noticing_loss():
            dist.gather_object(own, found, dst=0, group=self._objects)
        return found or []

    def shutdown(self) -> None:
        """Let the others leave at the end of rank 0's work."""
        if dist.is_initialized():
            with suppress(RankLostError):
                self.broadcast("leave")
            dist.destroy_process_group()

    def abandon(self) -> None:
        """End the spawned processes that are left after a loss, without waiting for them."""
        for child in torch.multiprocessing.active_children():
            if child.name.startswith(_NAME):
                child.kill()
        if dist.is_initialized():
            dist.destroy_process_group()


def join_launched() -> Ranks | None:
    """Find this process's place among all nodes' ranks under torchrun; None elsewhere."""
    if not dist.is_torchelastic_launched():
        return None
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local = int(os.environ["LOCAL_RANK"])
    if count == 1:
        return ALONE
    return _introduce(DistributedRanks(rank, count, local, int(os.environ["LOCAL_WORLD_SIZE"])))


def spawn_ranks(wanted: int, gpus: int, work: Work) -> Ranks:
    """Spawn the other ranks, which do `work`, and return rank 0's Ranks.

    `wanted` is the number of processes, or 0 for one a GPU. If they cannot be gathered, this
    process trains alone, and the log says so.
    """
    count = min(wanted or gpus, gpus) if gpus else max(wanted, 1)
    if count <= 1:
        return ALONE
    if not gpus:
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()  # children do not inherit what this process has set
    crew: list[BaseProcess] = []
    for rank in range(1, count):
        given = (rank, count, port, threads, work)
        name = f"{_NAME} {rank}"
        crew.append(context.Process(target=_serve, args=given, name=name, daemon=True))
        crew[-1].start()
    try:
        ranks = _meet(0, count, port, crew)
    except RuntimeError as error:
        for process in crew:
            process.kill()
        log("ranks", f"this process trains alone: {str(error).splitlines()[0]}")
        return ALONE
    log("ranks", f"{count} processes train together ({'one a GPU' if gpus else 'config'})")
    return ranks


def _serve(rank: int, count: int, port: int, threads: int, work: Work) -> None:
    """Be rank `rank`, in a spawned process, until rank 0 lets it leave."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgrp()  # a signal to rank 0's group lets it save; the others leave when it tells them
    torch.set_num_threads(threads)
    ranks = _meet(rank, count, port)
    work(ranks)
    dist.destroy_process_group()


def _meet(rank: int, count: int, port: int, crew: Sequence[BaseProcess] = ()) -> Ranks:
    """(rank, ranks, port on this machine, processes of the others) -> Ranks, once all have come."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = dist.TCPStore(
        "127.0.0.1", port, count, rank == 0, timeout=_GATHERING, wait_for_workers=False
    )
    store.set(f"rank {rank}", "is here")
    until = time.monotonic() + _GATHERING.total_seconds()
    while not store.check([f"rank {each}" for each in range(count)]):
        if time.monotonic() > until or any(not process.is_alive() for process in crew):
            raise RuntimeError("another process ended before it came, or came too late")
        time.sleep(_LOOK_S)
    return _introduce(
        DistributedRanks(rank, count, rank, count), store=store, rank=rank, world_size=count
    )


def _backend(local_rank: int) -> str:
    """A rank's GPU number -> the backends that exchange tensors on the CPU and on the GPU."""
    if not torch.cuda.is_available():
        return "gloo"
    torch.cuda.set_device(local_rank)
    return "cpu:gloo,cuda:nccl"


def _introduce(ranks: DistributedRanks, **place: Any) -> Ranks:
    """Connect these ranks; `place` says where they meet if torchrun did not."""
    with pin_to_cores(ranks.local_rank, ranks.local_count):  # gloo's threads
        dist.init_process_group(_backend(ranks.local_rank), timeout=_IN_STEP, **place)
        objects = dist.new_group(backend="gloo", timeout=_PATIENCE)
    return dataclasses.replace(ranks, _objects=objects)
