"""A built kernel and a seed -> kills at random moments of its stages, and what came of them."""

import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.look import find_torn, list_leftovers, wait_for_children
from tests.chaos.small_kernel import SmallKernel

START, END = "start", "report"  # before the first stage and after the last one
STAGES = (
    *(START, "speed", "decode", "real features", "train", "sweep", "sample", "features"),
    *("fid", "submission", "extra metrics", "verify", END),
)
_RESULTS = ("submission.csv", "images.zip", "generated.png")


@dataclass(frozen=True)
class Kill:
    """A moment: so many seconds after a stage began."""

    stage: str
    after_s: float


@dataclass(frozen=True)
class Killed:
    """A kill that was made: of whom, where it hit, and how long children lived on."""

    run: int
    kill: Kill
    is_alone: bool  # the parent alone, else its whole group
    hit: str
    children_s: float


@dataclass
class Reference:
    """A run that nobody stopped: the seconds of each stage, and its results."""

    seconds: dict[str, float] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)


def make_reference(kernel: SmallKernel) -> Reference:
    """Make the run that nobody stops."""
    reference, name = Reference(), "reference"
    stage, since, lines = START, time.monotonic(), []
    with kernel.start(name) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if (now := follow(stage, line)) != stage:
                reference.seconds[stage] = time.monotonic() - since
                stage, since = now, time.monotonic()
    assert process.returncode == 0, "".join(lines)
    reference.seconds[stage] = time.monotonic() - since
    assert list(reference.seconds) == list(STAGES), "".join(lines)
    reference.results = _read_results(kernel, name)
    return reference


def follow(stage: str, line: str) -> str:
    """(the stage so far, a line of the log) -> the stage after it."""
    name, _, words = line.partition(": ")
    if words.startswith("done in ") and name in STAGES:
        return STAGES[STAGES.index(name) + 1]
    if stage == START and name == "features":  # the network is there: the stages begin
        return STAGES[1]
    return stage


def _read_results(kernel: SmallKernel, name: str) -> dict[str, bytes]:
    return {file: (kernel.place(name) / file).read_bytes() for file in _RESULTS}


def draw_kills(random: random.Random, reference: Reference, count: int) -> list[Kill]:
    """Draw so many kills of one run: of other stages first, now in their order and now in none."""
    stages = [
        stage
        for _ in range(-(-count // len(STAGES)))
        for stage in random.sample(STAGES, len(STAGES))
    ][:count]
    if random.random() < 0.5:
        stages.sort(key=STAGES.index)
    return [Kill(stage, random.uniform(0.0, reference.seconds[stage])) for stage in stages]


def storm(
    kernel: SmallKernel,
    reference: Reference,
    kills: int,
    each: int,
    seed: int,
    tell: Callable[[str], None],
) -> list[Killed]:
    """Make so many kills, at most `each` a run; every run must end as the reference did.

    Every other kill is of the parent alone.
    """
    made: list[Killed] = []
    for run in itertools.count():
        if len(made) >= kills:
            return made
        random_numbers = random.Random(f"{seed}/{run}")
        wanted = min(each, kills - len(made))
        for kill in draw_kills(random_numbers, reference, wanted):
            is_alone = len(made) % 2 == 0
            hit, children_s = _run_until(kernel, run, kill, is_alone)
            if not hit:
                tell(f"run {run}: ended before a kill in {kill.stage}")
                break
            made.append(Killed(run, kill, is_alone, hit, children_s))
            whom = "the parent alone" if is_alone else "the whole group"
            place = f"{kill.stage} + {kill.after_s:.2f} s (hit {hit})"
            tell(f"run {run}, kill {len(made)}: {whom}, {place}; children {children_s:.2f} s")
        else:
            _run_until(kernel, run, None)
        _check_end(kernel, reference, run)
        tell(f"run {run}: ends with the reference's bytes")
    raise AssertionError("it counts without an end")


def _run_until(
    kernel: SmallKernel, run: int, kill: Kill | None, is_alone: bool = False
) -> tuple[str, float]:
    """Go on with a run until a kill; return the stage that it hit, "" where the run ended before.

    Then nothing lives on, and every file is absent or whole.
    """
    name, mark = f"run-{run}", f"{os.getpid()}-{run}-{time.monotonic_ns()}"
    stage, lines, children_s = START, [""], 0.0
    with kernel.start(name, mark) as process:
        assert process.stdout is not None
        if kill and kill.stage == START:
            children_s = _strike(process, kill, is_alone, mark)
        for line in process.stdout:
            lines.append(line)
            before, stage = stage, follow(stage, line)
            if kill and stage == kill.stage and before != stage:
                children_s = _strike(process, kill, is_alone, mark)
    code = process.returncode
    wait_for_children(mark)
    told = f"run {run}, exit code {code}: {''.join(lines[-12:])}"
    assert code in (0, -signal.SIGKILL), told
    assert code == 0 or kill, told
    place = kernel.place(name)
    torn = find_torn(place) + find_torn(place.with_name("out.scratch"))
    assert not torn, f"{torn}; {told}"
    return (stage if code else ""), children_s


def _strike(process: subprocess.Popen[str], kill: Kill, is_alone: bool, mark: str) -> float:
    """Wait for the moment, and kill; return the seconds that children lived on."""
    try:
        process.wait(timeout=kill.after_s)
    except subprocess.TimeoutExpired:
        if is_alone:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return wait_for_children(mark)


def _check_end(kernel: SmallKernel, reference: Reference, run: int) -> None:
    """A run that was killed and went on -> the same results, and nothing left of kills."""
    name = f"run-{run}"
    differing = [
        file
        for file, content in _read_results(kernel, name).items()
        if content != reference.results[file]
    ]
    assert not differing, f"run {run}: {differing} differ from those of the run that nobody stopped"
    place = kernel.place(name)
    left = list_leftovers(place) + list_leftovers(place.with_name("out.scratch"))
    assert not left, f"run {run}: {left}"
