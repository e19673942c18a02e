"""The most memory that a whole run on 60,000 records takes, with curation and without.

    python -m tests.bench.memory [--weights FILE] [--records 60000]

Few steps and few real images, for neither changes what is held at a time. Goals: 2.8 GB with
curation, 1.5 GB without.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from lib.base.tables import format_table
from tests.bench.peak_memory import run_and_watch
from tests.local_runs import ROOT

_FEW = ["steps=20", "real_limit=2000", "floor_draws=2", "sweep=false"]
_WAYS = {  # goal in MB, settings
    "with curation": (2800, ["pool=3000"]),
    "without": (1500, ["curate=false"]),
}


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory")
    parser.add_argument("--weights", default="random", help="Inception's file")
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--recipe", default="pixel")
    options = parser.parse_args()
    rows = [("", "peak MB", "goal", "stage")]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        synth = ["synth", "--records", str(options.records), "--output", str(place / "input")]
        if run_and_watch(_call(*synth), place / "synth.txt", os.environ).code:
            sys.exit((place / "synth.txt").read_text())
        for name, (goal, settings) in _WAYS.items():
            shutil.rmtree(place / "output", ignore_errors=True)
            shutil.rmtree(place / "output.scratch", ignore_errors=True)
            words = ["run", "--input", str(place / "input"), "--output", str(place / "output")]
            words += ["--recipe", options.recipe, "--weights", options.weights]
            words += [word for text in (*_FEW, *settings) for word in ("--set", text)]
            ended = run_and_watch(_call(*words), place / "run.txt", os.environ)
            if ended.code:
                sys.exit(ended.log)
            rows.append((name, f"{ended.peak_mb:,.0f}", f"{goal:,}", ended.stage))
    print(format_table(rows, right=(1, 2)))


def _call(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "build.py"), *words]


if __name__ == "__main__":
    main()
