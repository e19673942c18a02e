"""Tiny shards, small recipes and a copy of the sources -> runs as a user makes them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards

ROOT = Path(__file__).parents[1]
SOURCES = ("lib", "kernel_template", "build.py", "kernel-metadata.json", "LICENSE")
SMALL = ["--weights", "random", "--set", "samples=12", "--set", "floor_draws=2"]
# Without a sweep, the longest stage of so small a run: it has tests of its own, and one whole run.
RECIPES = {
    "pixel": ["steps=6", "batch=4", "width=16", "depth=1", "pool=16", "sweep=false"],
    "r3gan": ["steps=6", "batch=4", "width=8", "pool=16", "sweep=false", "fid_loss=0"],
    "first-seed": ["epochs=2", "save_every=1", "batch=8", "width=8"],
    "second-seed": ["epochs=2", "epoch_fid=4", "batch=8", "width=8"],
}

QUICK = "r3gan"  # draws in a tenth of pixel's time: for tests that any recipe serves
UNCURATED = ["--set", "curate=false"]  # the first images drawn are submitted


def list_options(recipe: str) -> list[str]:
    return [
        *["--recipe", recipe, *SMALL],
        *(word for text in RECIPES[recipe] for word in ("--set", text)),
    ]


def call(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder -> its end; one thread, so that tests side by side do not fight."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def write_input(folder: Path) -> Path:
    """A folder -> the same with 24 records in two shards, a tenth of them broken."""
    shards = folder / "test-gan-competition"
    write_shards(look_alike(24, seed=5), shards, seed=5, records_per_shard=12, chaos=0.1)
    return folder


def copy_sources(folder: Path) -> Path:
    """A folder -> only what the build needs, without git or anything else of this repository."""
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder
