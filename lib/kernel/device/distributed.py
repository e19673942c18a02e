"""Processes, one for each GPU -> one training: rank 0 leads, the others follow its messages.

Every rank holds the same weights, takes its slice of the same batch and adds its gradients to the
others' by torch.distributed; equal sums make equal steps. DistributedDataParallel would not do: it
listens to backward(), while a gradient penalty needs autograd.grad. Rank 0 alone reads the clock,
writes files and talks; its messages travel over gloo, so that no GPU is waited for.
"""

import dataclasses
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from lib.base.log import log
from lib.kernel.device.own_cores import pin_to_cores

_GATHERING = timedelta(minutes=5)  # until all ranks have started
_PATIENCE = timedelta(hours=13)  # followers wait while rank 0 decodes and measures
_IN_STEP = timedelta(minutes=30)  # ranks of one step; then NCCL ends a run that lost one of them

_NAME = "rank"  # of spawned processes, before their number

Work = Callable[["Ranks"], None]  # what the other ranks do: a function of a module


class RankLostError(Exception):
    """Another process of the team ended or fell silent; this one is whole."""


@contextmanager
def _noticing_loss() -> Iterator[None]:
    """A block that exchanges something -> RankLostError where the other side is gone."""
    try:
        yield
    except RuntimeError as error:  # torch.distributed's own errors are RuntimeErrors too
        raise RankLostError(f"another process is gone: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together; one alone sends nothing."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # its GPU on this machine
    local_count: int = 1  # ranks on this machine
    _objects: Any = field(default=None, repr=False)  # process group of messages

    def slice_of(self, batch: int) -> slice:
        """Images of a step -> those of this rank, shared out as evenly as can be."""
        return slice(batch * self.rank // self.count, batch * (self.rank + 1) // self.count)

    def all_reduce(self, tensors: list[torch.Tensor]) -> None:
        """Tensors of this rank -> in their place the sums over all ranks, in one exchange."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.flatten().float() for tensor in tensors])
        with _noticing_loss():
            dist.all_reduce(flat)
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, total in zip(tensors, flat.split(sizes), strict=True):
            tensor.copy_(total.view_as(tensor))

    def exchange(self, tensors: list[torch.Tensor], owners: list[int]) -> None:
        """Tensors and the rank that made each -> in their place what those ranks made."""
        if self.count == 1:
            return
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
        """Rank 0's message -> all the others, who `hear` it."""
        if self.count > 1:
            with _noticing_loss():
                dist.broadcast_object_list([message], src=0, group=self._objects)

    def receive(self) -> Any:
        """-> the next message of rank 0."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0, group=self._objects)
        return box[0]

    def gather(self, own: Any) -> list[Any]:
        """Something of each rank -> on rank 0 all of them in order, elsewhere nothing."""
        if self.count == 1:
            return [own]
        found: list[Any] | None = [None] * self.count if self.rank == 0 else None
        with _noticing_loss():
            dist.gather_object(own, found, dst=0, group=self._objects)
        return found or []

    def shutdown(self) -> None:
        """At the end of rank 0's work -> the others leave too."""
        if self.count > 1 and dist.is_initialized():
            with suppress(RankLostError):
                self.broadcast("leave")
            dist.destroy_process_group()

    def abandon(self) -> None:
        """After a loss -> the spawned processes that are left end, and nothing waits for them."""
        for child in torch.multiprocessing.active_children():
            if child.name.startswith(_NAME):
                child.terminate()
        if dist.is_initialized():
            dist.destroy_process_group()


ALONE = Ranks()


def join_launched() -> Ranks | None:
    """Under torchrun -> this process's place among all nodes' ranks, else nothing."""
    if not dist.is_torchelastic_launched():
        return None
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local = int(os.environ["LOCAL_RANK"])
    if count == 1:
        return ALONE
    return _introduce(Ranks(rank, count, local, int(os.environ["LOCAL_WORLD_SIZE"])))


def spawn_ranks(wanted: int, gpus: int, work: Work) -> Ranks:
    """(processes or 0 for one a GPU, GPUs, what the others do) -> rank 0's Ranks, others spawned.

    If they cannot be gathered this process trains alone, and says so.
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
    threads = torch.get_num_threads()  # a command's own setting does not reach its children
    for rank in range(1, count):
        given = (rank, count, port, threads, work)
        name = f"{_NAME} {rank}"
        context.Process(target=_serve, args=given, name=name, daemon=True).start()
    try:
        ranks = _meet(0, count, port)
    except RuntimeError as error:
        log("team", f"this process trains alone: {str(error).splitlines()[0]}")
        return ALONE
    log("team", f"{count} processes train together ({'one a GPU' if gpus else 'config'})")
    return ranks


def _serve(rank: int, count: int, port: int, threads: int, work: Work) -> None:
    """A spawned process -> rank `rank`, which follows until it is dismissed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 saves and then dismisses
    torch.set_num_threads(threads)
    ranks = _meet(rank, count, port)
    work(ranks)
    dist.destroy_process_group()


def _meet(rank: int, count: int, port: int) -> Ranks:
    """(rank, ranks, port on this machine) -> Ranks, once all have come."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = dist.TCPStore("127.0.0.1", port, count, rank == 0, timeout=_GATHERING)
    return _introduce(Ranks(rank, count, rank, count), store=store, rank=rank, world_size=count)


def _backend(local_rank: int) -> str:
    """The GPU of a rank -> the backends of tensors there and here."""
    if not torch.cuda.is_available():
        return "gloo"
    torch.cuda.set_device(local_rank)
    return "cpu:gloo,cuda:nccl"


def _introduce(ranks: Ranks, **place: Any) -> Ranks:
    """Ranks, where they meet if torchrun did not say -> the same, connected to the others."""
    with pin_to_cores(ranks.local_rank, ranks.local_count):  # gloo's threads
        dist.init_process_group(_backend(ranks.local_rank), timeout=_IN_STEP, **place)
        objects = dist.new_group(backend="gloo", timeout=_PATIENCE)
    return dataclasses.replace(ranks, _objects=objects)
