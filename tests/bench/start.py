"""`build.py --help` -> its seconds as a multiple of an empty program's, taken in turns."""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_EMPTY, _HELP, _BUNDLE_HELP = ("-c", "pass"), ("build.py", "--help"), ("build.py", "bundle", "-h")


def main() -> None:
    """Command line -> a row for each help: median of its ratios, least and largest, on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    rows = [
        [_time(*words) for words in (_EMPTY, _HELP, _BUNDLE_HELP)] for _ in range(options.rounds)
    ]
    empty = statistics.median(row[0] for row in rows)
    for column, words in enumerate((_HELP, _BUNDLE_HELP), start=1):
        ratios = [row[column] / row[0] for row in rows]
        spread = f"{min(ratios):.1f} to {max(ratios):.1f} in {options.rounds} turns"
        own = statistics.median(row[column] for row in rows)
        print(
            f"{' '.join(words)}: {statistics.median(ratios):.1f} times python -c pass ({spread}; "
            f"{own * 1000:.0f} against {empty * 1000:.0f} ms)"
        )


def _time(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
