"""Apply a function to items in forked processes; the results come in order."""

import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

from lib.base.errors import PipelineError

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield function(item) for each item, in order; items are read as needed.

    An error of the function is raised here. If a child dies, a PipelineError is raised.
    """
    if workers == 0:
        yield from map(function, items)
        return
    crew: list[_Worker] = []
    try:
        for _ in range(workers):
            crew.append(_start(function, [worker.pipe for worker in crew]))
        yield from _distribute(crew, iter(items))
    finally:
        for worker in crew:
            worker.pipe.close()  # then the child reads the end of its input and exits
        for worker in crew:
            worker.process.join(timeout=5)
            if worker.process.is_alive():
                worker.process.kill()


def _start(function: Callable[[Item], Result], siblings: list[Connection]) -> _Worker:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(
        target=_serve, args=(function, there, [here, *siblings]), name="decode", daemon=True
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of threads in the parent (torch's, a notebook's). The children use
        # neither torch nor the locks of those threads.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        process.start()
    there.close()
    return _Worker(process, here)


def _serve(function: Callable[[Any], Any], pipe: Connection, inherited: list[Connection]) -> None:
    """Compute results for items from the pipe until the parent closes it or dies; in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets the signal too and ends the work
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


def _distribute(crew: list[_Worker], items: Iterator[Any]) -> Iterator[Any]:
    """Yield results in order; each process has at most one item at a time."""
    sent, given = 0, 0
    busy: dict[Connection, int] = {}
    results: dict[int, Any] = {}
    idle = list(crew)
    pipes = {worker.pipe: worker for worker in crew}
    more = True
    while True:
        while more and idle:
            try:
                item = next(items)
            except StopIteration:
                more = False
                break
            worker = idle.pop()
            _send(worker, item)
            busy[worker.pipe] = sent
            sent += 1
        while given in results:
            yield results.pop(given)
            given += 1
        if not busy:
            return
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection), "wait returns what it was given"
            results[busy.pop(pipe)] = _receive(pipes[pipe])
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
