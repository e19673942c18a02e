"""python -m tests.fuzz: run the fuzzer's targets; exit code 1 where one of them found a fault.

    python -m tests.fuzz [--cases N] [--target NAME] [--seed S] [--folder FOLDER]

Cases are shared out among the targets. Each target is a process of its own, one after the other.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import loop
from tests.fuzz.targets import SHARES, load_target, share_out

_FOLDER = Path("build/fuzz")


def main() -> int:
    """Run the targets that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=20_000, help="over all targets together")
    parser.add_argument("--target", choices=sorted(SHARES), help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="corpora and findings/")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return _run_here(options.target, options.cases, options.seed, options.folder)
    names = [options.target] if options.target else list(SHARES)
    shutil.rmtree(options.folder / "findings", ignore_errors=True)
    shutil.rmtree(options.folder / "corpus", ignore_errors=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    ended = [
        _run_target(name, cases, options.seed, options.folder)
        for name, cases in share_out(options.cases, names).items()
    ]
    found = sorted((options.folder / "findings").glob("*"))
    total = sum(cases for cases, _ in ended)
    print(f"fuzz: {total:,} cases over {len(names)} targets, seed {options.seed}")
    if found or not all(whole for _, whole in ended):
        print(f"fuzz: FOUND {len(found)} files in {options.folder / 'findings'}")
        return 1
    print("fuzz: no findings")
    return 0


def _run_target(name: str, cases: int, seed: int, folder: Path) -> tuple[int, bool]:
    """Run one target in a process of its own; return (cases, whether it came to its end)."""
    numbers = folder / f"{name}.json"
    numbers.unlink(missing_ok=True)
    words = ["--here", "--target", name, "--cases", str(cases), "--seed", str(seed)]
    started = time.monotonic()
    with (folder / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.fuzz", *words, "--folder", str(folder)]
        ended = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, check=False, env=_make_environment()
        )
    seconds = time.monotonic() - started
    told = json.loads(numbers.read_text()) if numbers.is_file() else {"cases": 0, "kinds": {}}
    done, by = told["cases"], told.get("by", "nothing")
    rate = f"{done:,} cases in {seconds:.0f} s, {done / seconds:,.0f} a second"
    print(f"fuzz: {name}: {rate}, by {by}, seed {seed}, exit code {ended.returncode}", flush=True)
    for kind in told["kinds"]:
        print(f"fuzz: {name}: {kind}", flush=True)
    return done, ended.returncode == 0 and done >= cases


def _make_environment() -> dict[str, str]:
    """The variables of a target's process: few, for each request looks through all of them."""
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
    given = {name: os.environ[name] for name in kept if name in os.environ}
    return {**given, "OMP_NUM_THREADS": "1"}


def _run_here(name: str, cases: int, seed: int, folder: Path) -> int:
    with loop.instrumenting() as guided:
        target = load_target(name)
    findings = loop.Findings(name, target, folder / "findings")
    if guided:
        loop.run_guided(findings, cases, seed, folder)
        return 0
    print("fuzz: atheris is not installed: seeds are changed at random, without coverage")
    started = time.monotonic()
    loop.run_plainly(findings, cases, seed)
    loop.write_numbers(folder, findings, time.monotonic() - started, "random changes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
