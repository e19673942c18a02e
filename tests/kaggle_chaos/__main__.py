"""Kill push, fetch, submit and sweep at random moments; nothing must be lost or doubled.

python -m tests.kaggle_chaos [--kills 200] [--seed S]
"""

import argparse
import tempfile
import time
from pathlib import Path

from lib.base.tables import format_table
from tests.kaggle_chaos.place import open_storm


def main() -> None:
    """Kill, check after each round; print each kill and a table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    options = parser.parse_args()
    print(f"kaggle-chaos: seed {options.seed}, {options.kills} kills", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_storm(Path(folder), _tell) as storm:
        made = storm.run(options.kills, options.seed)
    print(format_table([("command", "kills"), *((name, str(n)) for name, n in made.items())]))
    minutes = (time.monotonic() - started) / 60
    _tell(f"{made.total()} kills, nothing lost or doubled; {minutes:.0f} min, seed {options.seed}")


def _tell(line: str) -> None:
    print(f"kaggle-chaos: {line}", flush=True)


main()
