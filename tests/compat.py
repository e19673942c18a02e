"""Run the built kernel with each Python, torch and numpy that Kaggle's images have.

python -m tests.compat [--only NAME] [--keep]

Each environment takes several gigabytes; it is made, used and deleted before the next one. What
this machine or the registry refuses is skipped with its reason.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lib.base.tables import format_table
from lib.commands.kernel_build import build_local
from lib.kernel.configuration.config import RANDOM_WEIGHTS
from lib.kernel.recipes.table import DEFAULT_RECIPE, make_config
from tests.interpreters import search_python
from tests.local_runs import ROOT

WORK = ROOT / "build" / "compat"
ROOM_GB = 12  # of an environment, its wheels while pip unpacks them, and the run
INSTALL_S, RUN_S = 3600, 1800
SMALL = {"steps": 10, "samples": 20, "trial": 20, "sweep": False, "curate": False}
_VERSIONS = "import sys, importlib.metadata as m; print(sys.version.split()[0], *("
_VERSIONS += "m.version(name) for name in ('torch', 'torchvision', 'numpy', 'pillow')))"


class Environment(NamedTuple):
    """A Python and the packages in it."""

    name: str
    pythons: tuple[str, ...]  # the first one that is there
    packages: str


ENVIRONMENTS = (  # newest last; 2026's images of Kaggle and of Colab, on which Kaggle builds
    Environment(
        *("torch-2.8", ("3.12", "3.11")),
        "torch==2.8.0 torchvision==0.23.0 numpy==1.26.4 pillow==10.4.0 scipy pandas jinja2",
    ),
    Environment(
        *("torch-2.10", ("3.12",)),
        "torch==2.10.0 torchvision==0.25.0 numpy==2.0.2 pillow==11.3.0 scipy==1.16.3 "
        "pandas==2.2.2 jinja2",
    ),
    Environment(
        *("torch-2.11", ("3.13",)),
        "torch==2.11.0 torchvision==0.26.0 numpy==2.1.3 pillow scipy pandas jinja2",
    ),
)


class SkippedError(Exception):
    """An environment cannot be made here; the text says why."""


class Outcome(NamedTuple):
    """A row of the table."""

    name: str
    versions: str
    seconds: float
    said: str


def main(words: Sequence[str] | None = None) -> int:
    """Run each environment, print the table; 1 where a kernel failed or is not verified."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    names = [each.name for each in ENVIRONMENTS]
    parser.add_argument("--only", choices=names, help="one environment (default: all)")
    parser.add_argument("--keep", action="store_true", help="leave the environments there")
    options = parser.parse_args(words)
    kernel, shards = prepare()
    chosen = [each for each in ENVIRONMENTS if options.only in (None, each.name)]
    outcomes = [try_out(each, kernel, shards, options.keep) for each in chosen]
    print(format_outcomes(outcomes))
    return 0 if all(each.said.startswith(("verified", "skipped")) for each in outcomes) else 1


def prepare() -> tuple[Path, Path]:
    """Build a small kernel and write shards for it; build/kernel.py stays as it is."""
    overrides = {**SMALL, "weights_file": RANDOM_WEIGHTS, "weights_sha256": ""}
    kernel, shards = build_local(ROOT, make_config(DEFAULT_RECIPE, overrides)), WORK / "input"
    if not shards.exists():
        command = [sys.executable, "build.py", "synth", "--records", "200", "--output", str(shards)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return kernel, shards


def try_out(environment: Environment, kernel: Path, shards: Path, keep: bool) -> Outcome:
    """(environment, kernel, shards, whether it is kept) -> how the kernel fared in it."""
    place, versions, started = WORK / environment.name, "", time.monotonic()
    try:
        python = install(environment, place)
        tell = subprocess.run(
            [python, "-I", "-c", _VERSIONS], capture_output=True, text=True, check=True
        )
        versions, started = tell.stdout.strip(), time.monotonic()
        said = run_kernel(python, kernel, shards, WORK / f"{environment.name}-output")
    except SkippedError as reason:
        said = f"skipped: {reason}"
    except (OSError, subprocess.SubprocessError) as error:
        said = f"failed: {str(error).splitlines()[0]}"
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)
    return Outcome(environment.name, versions, time.monotonic() - started, said)


def install(environment: Environment, place: Path) -> Path:
    """Make the environment, or take one that was kept; SkippedError where that is impossible."""
    python, mark = place / "bin" / "python", place / "installed"
    if mark.exists():
        return python
    base = next(filter(None, map(search_python, environment.pythons)), None)
    if base is None:
        raise SkippedError(f"no Python {' or '.join(environment.pythons)} on this machine")
    free_gb = shutil.disk_usage(WORK).free / 1e9
    if free_gb < ROOM_GB:
        raise SkippedError(f"{free_gb:.0f} GB of disk are free, {ROOM_GB} are needed")
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([base, "-m", "venv", str(place)], check=True)
    print(f"{environment.name}: installing {environment.packages}", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    pip += ["--disable-pip-version-check", *environment.packages.split()]
    try:
        done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        raise SkippedError(f"the packages were not there after {INSTALL_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise SkippedError(errors[-1] if errors else "pip failed")
    mark.touch()
    return python


def run_kernel(python: Path, kernel: Path, shards: Path, output: Path) -> str:
    """Run the kernel from shards alone, then check its output from the main environment."""
    empty = output.with_name(f"{output.name}-folder")
    for folder in (output, Path(f"{output}.scratch"), empty):
        shutil.rmtree(folder, ignore_errors=True)
    empty.mkdir(parents=True)
    ended = subprocess.run(
        [python, "-I", kernel],
        cwd=empty,
        env={"KERNEL_INPUT": str(shards), "KERNEL_OUTPUT": str(output), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    if ended.returncode:
        print(ended.stdout[-2000:], ended.stderr[-4000:], file=sys.stderr)
        return f"failed: the kernel ended with exit code {ended.returncode}"
    verify = [sys.executable, "build.py", "verify", str(output), "--all"]
    checked = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, check=False)
    if checked.returncode:
        return f"failed: {checked.stderr.strip().splitlines()[0]}"
    return f"verified, on stderr: {ended.stderr.strip().splitlines() or 'nothing'}"


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Outcomes -> an aligned table, a line each."""
    rows = [("environment", "python torch torchvision numpy pillow", "seconds", "outcome")]
    rows += [(each.name, each.versions, f"{each.seconds:.0f}", each.said) for each in outcomes]
    return format_table(rows, right=(2,))


if __name__ == "__main__":
    sys.exit(main())
