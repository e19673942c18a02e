"""A command -> the most memory that it and its children hold at a time, by /proc.

Counted is PSS, the proportional set size: a page that several processes share counts once.
"""

import contextlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_EVERY_S = 0.1


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    peak_mb: float  # PSS summed over its processes, in millions of bytes
    stage: str  # the first word of its newest line when it held most
    log: str


def run_and_watch(
    command: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> Ended:
    """Run a command with its output in a log file; look at its memory ten times a second."""
    peak, stage = 0, ""
    with log.open("wb") as file:
        child = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=cwd)
        while child.poll() is None:
            held = sum_pss(child.pid)
            if held > peak:
                newest = log.read_text(errors="replace").splitlines()[-1:]
                peak, stage = held, newest[0].partition(":")[0] if newest else ""
            time.sleep(_EVERY_S)
    return Ended(child.returncode, peak / 1e6, stage, log.read_text(errors="replace"))


def sum_pss(root: int) -> int:
    """A process -> bytes of memory of it and all processes below it, shared pages counted once."""
    total, waiting = 0, [root]
    while waiting:
        place = Path("/proc", str(waiting.pop()))
        with contextlib.suppress(OSError):  # it ended
            for line in (place / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for task in (place / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return total
