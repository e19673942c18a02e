"""Kill runs of recipe auto at random moments; each must go on to the bytes of an unstopped one.

python -m tests.chaos [--kills 100] [--runs 10] [--seed S] [--set KEY=VALUE ...]
"""

import argparse
import signal
import tempfile
import time
from pathlib import Path

from lib.base.tables import format_table
from tests.chaos.small_kernel import build_small_kernel
from tests.chaos.stops import measure_stops
from tests.chaos.storm import STAGES, Killed, make_reference, storm


def main() -> None:
    """Build, make the reference, kill; print each kill and a table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    each = -(-options.kills // options.runs)
    # A shell's background job ignores Ctrl-C, and so would the runs that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        print(f"chaos: seed {options.seed}, {options.kills} kills, {each} a run", flush=True)
        kernel = build_small_kernel(Path(folder), *options.set)
        reference = make_reference(kernel)
        spent = ", ".join(f"{stage} {value:.1f}" for stage, value in reference.seconds.items())
        print(f"chaos: the reference, in seconds: {spent}", flush=True)
        made = storm(kernel, reference, options.kills, each, options.seed, _tell)
        print(_describe(made), flush=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            spent = measure_stops(kernel, number)
            words = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in spent.items())
            _tell(f"seconds to stop after {number.name}: {words}")
        minutes = (time.monotonic() - started) / 60
        print(f"chaos: {len(made)} kills, all well; {minutes:.0f} minutes, seed {options.seed}")


def _tell(line: str) -> None:
    print(f"chaos: {line}", flush=True)


def _describe(made: list[Killed]) -> str:
    """Kills -> a table of the stages that were hit."""
    rows = [("stage", "kills", "parent alone", "children at most")]
    for stage in STAGES:
        own = [each for each in made if each.hit == stage]
        alone = sum(each.is_alone for each in own)
        longest = max((each.children_s for each in own), default=0.0)
        rows.append((stage, str(len(own)), str(alone), f"{longest:.2f} s"))
    return format_table(rows)


main()
