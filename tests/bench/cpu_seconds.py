"""A call, or the start of a script -> the CPU seconds of this process and its children.

On a busy machine wall time tells of others.
"""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def measure_call(call: Callable[[], object]) -> float:
    """Calls once -> CPU seconds of what it did itself and of the processes that it waited for."""
    before = _read_children() + time.process_time()
    call()
    return _read_children() + time.process_time() - before


def _read_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_start(plain: Path, bundles: list[Path], starts: int = 15) -> list[float]:
    """(a script, its bundles) -> each one's median start-up over the script's, taken in turns.

    No bytecode is read or written.
    """
    times: dict[Path, list[float]] = {path: [] for path in (plain, *bundles)}
    for _ in range(starts):
        for script, taken in times.items():
            taken.append(_start_once(script))
    return [statistics.median(times[one]) / statistics.median(times[plain]) for one in bundles]


def _start_once(script: Path) -> float:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    command = [sys.executable, str(script)]
    child = os.posix_spawn(sys.executable, command, environment, file_actions=silent)
    _, status, used = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{script} failed when its start-up was measured")
    return used.ru_utime + used.ru_stime
