"""A built kernel, a stage and a signal -> how the process ended, and after how many seconds."""

import subprocess
import tempfile
import time
from dataclasses import dataclass

from tests.chaos.look import wait_for_children
from tests.chaos.small_kernel import SmallKernel
from tests.chaos.storm import END, STAGES, START, follow

STOP_S = 10.0  # that a process may take to end
_INTO_S = 0.3  # after a stage's beginning


@dataclass(frozen=True)
class Stopped:
    """The end of a process that was sent a signal."""

    code: int
    seconds: float
    errors: str
    hit: str  # the stage that it was in


def stop_in(
    kernel: SmallKernel, name: str, stage: str, number: int, after_s: float = _INTO_S
) -> Stopped:
    """Go on with a run, send its process a signal in a stage, and wait for its end."""
    mark, at, hit = f"{name}-{time.monotonic_ns()}", START, ""
    with tempfile.TemporaryFile("w+") as errors:
        with kernel.start(name, mark, errors) as process:
            assert process.stdout is not None
            started = _send(process, number, after_s) if stage == START else 0.0
            for line in process.stdout:
                before, at = at, follow(at, line)
                if at == stage != before and not started:
                    started = _send(process, number, after_s)
        code, seconds = process.returncode, time.monotonic() - started
        wait_for_children(mark)
        hit = at if started else END
        errors.seek(0)
        return Stopped(code, seconds if started else 0.0, errors.read(), hit)


def _send(process: subprocess.Popen[str], number: int, after_s: float) -> float:
    """Wait for the moment and send the signal; return the time of it."""
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    return time.monotonic()


def measure_stops(kernel: SmallKernel, number: int) -> dict[str, float]:
    """Stop a run in each stage in turn; return the seconds that each took."""
    found = {}
    for stage in STAGES:
        stopped = stop_in(kernel, f"stopped-{number}", stage, number)
        # Python itself was not up yet; its own start ends by Ctrl-C with 1.
        is_early = stage == START and stopped.code in (-number, 1)
        is_late = stage == STAGES[-1] and stopped.code == -number  # Python was going down already
        assert is_early or is_late or stopped.code in (128 + number, 0), stopped
        assert stopped.seconds < STOP_S, stopped
        found[stage] = stopped.seconds
    return found
