"""Apply a function to items in forked processes; the results come in order."""

import atexit
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

from lib.base.errors import PipelineError

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()  # stands for the item behind the last one
_MOST_WEIGHT = 1 << 24  # bytes of the items that are worked on at a time, or a single item
_WATCH_S = 0.5  # a child looks so often whether its parent still lives
_PATIENCE_S = 1.0  # for idle children to end
_PR_SET_PDEATHSIG = 1  # Linux: prctl(2)


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection


def choose_workers(wanted: int | None) -> tuple[int, str]:
    """Choose the number of worker processes and say why; 0: work in this process.

    Forked children share the parent's modules. So the pool also works in a bundle and in a
    notebook's cell, where a spawned child could not import the function.
    """
    if wanted is not None:
        return max(wanted, 0), "as asked for"
    torch = sys.modules.get("torch")
    if sys.platform != "linux":
        return 0, f"forking is not safe on {sys.platform}"
    if torch is not None and torch.cuda.is_initialized():
        return 0, "CUDA is in use, and a forked child must not inherit that"
    cores = len(os.sched_getaffinity(0))
    return (min(cores, 8), f"{cores} cores") if cores > 1 else (0, "one core")


def map_in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    weigh: Callable[[Item], int] = lambda item: 0,
) -> Iterator[Result]:
    """Yield function(item) for each item, in order; items are read as needed.

    An error of the function is raised here. If a child dies, a PipelineError is raised. `weigh`
    gives an item's bytes: heavy ones are worked on one at a time, for memory's sake.
    """
    if workers == 0:
        yield from map(function, items)
        return
    crew: list[_Worker] = []
    dismiss = partial(_dismiss, crew)
    atexit.register(dismiss)  # before multiprocessing's own, which would wait for them
    try:
        for _ in range(workers):
            crew.append(_start(function, [worker.pipe for worker in crew]))
        yield from _distribute(crew, iter(items), weigh)
    finally:
        dismiss()
        atexit.unregister(dismiss)


def _dismiss(crew: list[_Worker]) -> None:
    """End the children; those in the middle of an item, whose result nobody wants, are killed."""
    for worker in crew:
        worker.pipe.close()  # then an idle child reads the end of its input and exits
    until = time.monotonic() + _PATIENCE_S
    for worker in crew:
        worker.process.join(timeout=max(0.0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(timeout=_PATIENCE_S)


def _start(function: Callable[[Item], Result], siblings: list[Connection]) -> _Worker:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    # Linux sends the death signal when the thread that forked ends, and only the first one stays.
    parent, stays = os.getpid(), threading.current_thread() is threading.main_thread()
    process = context.Process(
        target=_serve,
        args=(function, there, [here, *siblings], parent, stays),
        name="decode",
        daemon=True,
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of threads in the parent (torch's, a notebook's). The children use
        # neither torch nor the locks of those threads.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        process.start()
    there.close()
    return _Worker(process, here)


def _serve(
    function: Callable[[Any], Any],
    pipe: Connection,
    inherited: list[Connection],
    parent: int,
    stays: bool,
) -> None:
    """Compute results for items from the pipe until the parent closes it or dies; in the child."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent gets it too and ends the work
    _end_with(parent, stays)
    for other in inherited:
        other.close()  # else this child would keep a killed parent's ends open
    try:
        while True:
            item = pipe.recv()
            try:
                answer: tuple[bool, Any] = (True, function(item))
            except PipelineError as error:
                answer = (False, error)
            except Exception:
                cause = traceback.format_exc().strip()
                answer = (False, PipelineError("workers", f"a process failed:\n{cause}"))
            pipe.send(answer)
    except (EOFError, OSError):
        return


def _end_with(parent: int, stays: bool) -> None:
    """Let this child end with its parent, also in the middle of an item, for it holds its locks."""
    if stays:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), name="watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _distribute(
    crew: list[_Worker], items: Iterator[Any], weigh: Callable[[Any], int]
) -> Iterator[Any]:
    """Yield results in order; each process has at most one item at a time.

    While one item takes long, the results that wait for it are at most as many as the processes.
    """
    sent, given, weight = 0, 0, 0
    busy: dict[Connection, tuple[int, int]] = {}  # the item's number and its weight
    results: dict[int, Any] = {}
    idle = list(crew)
    pipes = {worker.pipe: worker for worker in crew}
    item = next(items, _END)
    while True:
        while item is not _END and idle and sent - given < 2 * len(crew):
            own = weigh(item)
            if busy and weight + own > _MOST_WEIGHT:
                break
            worker = idle.pop()
            _send(worker, item)
            busy[worker.pipe] = sent, own
            sent, weight = sent + 1, weight + own
            item = next(items, _END)
        while given in results:
            yield results.pop(given)
            given += 1
        if not busy:
            if item is _END:
                return
            continue
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection), "wait returns what it was given"
            number, own = busy.pop(pipe)
            results[number] = _receive(pipes[pipe])
            weight -= own
            idle.append(pipes[pipe])


def _send(worker: _Worker, item: Any) -> None:
    try:
        worker.pipe.send(item)
    except OSError:
        raise _died(worker) from None


def _receive(worker: _Worker) -> Any:
    try:
        done, value = worker.pipe.recv()
    except (EOFError, OSError):
        raise _died(worker) from None
    if not done:
        raise value
    return value


def _died(worker: _Worker) -> PipelineError:
    worker.process.join(timeout=5)
    return PipelineError(
        "workers",
        "a worker process ended in the middle of its work",
        got=f"exit code {worker.process.exitcode}",
        cure="if the machine ran out of memory, close other programs; then run it again",
    )
