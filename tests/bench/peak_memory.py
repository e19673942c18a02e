"""A command -> the most memory that it and its children hold at a time, by /proc.

Counted is PSS, the proportional set size: a page that several processes share counts once.
"""

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
            held = sum(map(read_pss, list_tree(child.pid)))
            if held > peak:
                newest = log.read_text(errors="replace").splitlines()[-1:]
                peak, stage = held, newest[0].partition(":")[0] if newest else ""
            time.sleep(_EVERY_S)
    return Ended(child.returncode, peak / 1e6, stage, log.read_text(errors="replace"))


def list_tree(root: int) -> list[int]:
    """A process -> it and all below it."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue  # it has just ended
    return found


def read_pss(pid: int) -> int:
    """A process -> the bytes of its proportional set size; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
