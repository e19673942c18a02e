"""The sources -> one built kernel of recipe auto whose run holds every stage, in small sizes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.local_runs import call, copy_sources

Started = subprocess.Popen[str]
MARK = "KERNELPRESS_CHAOS"  # in the environment of a run, and so of all its children
_SIZES = (
    *("steps=16", "batch=8", "width=8", "depth=1", "trial=12", "samples=12", "pool=24"),
    *("floor_draws=2", "real_limit=40", "curate=true", "sweep=true"),
)
# Constants that spare small runs: a copy of the sources is edited before it is built.
_EDITS = (
    ("lib/kernel/sampling/draw.py", "CHUNK = 125 ", "CHUNK = 12 "),
    ("lib/kernel/training/between_steps.py", "SAVE_EVERY_S = 60.0", "SAVE_EVERY_S = 0.3"),
    ("lib/kernel/competition/gan_challenge/dataset.py", "if size < _LITTLE", "if size < 1"),
    ("lib/kernel/recipes/auto/recipe.py", "(PIXEL, R3GAN, EDM)", "(R3GAN, EDM)"),  # pixel is slow
    ("lib/kernel/recipes/auto/preset.py", "(PIXEL_PRESET, R3GAN_PRESET", "(R3GAN_PRESET"),
    ("lib/kernel/recipes/edm/heun.py", "STEPS = 18 ", "STEPS = 4 "),
    ("lib/kernel/planning/speeds.py", "_ENOUGH_S = 2.0 ", "_ENOUGH_S = 0.2 "),
    ("lib/kernel/curation/curate.py", "((32, 3), (256, 5))", "((32, 1), (256, 1))"),
    ("lib/kernel/curation/curate.py", "DEFAULT_ROUNDS = 20", "DEFAULT_ROUNDS = 5"),
)


@dataclass(frozen=True)
class SmallKernel:
    """A kernel, its input, and folders for its runs."""

    script: Path
    source: Path
    home: Path
    options: tuple[str, ...] = field(default=())

    def place(self, name: str) -> Path:
        """A run's name -> its output folder; its scratch folder stands beside it."""
        return self.home / name / "out"

    def start(self, name: str, mark: str = "", errors: IO[str] | None = None) -> Started:
        """Start or go on with a run in a session of its own; errors go into a file or stdout."""
        output = self.place(name)
        output.parent.mkdir(parents=True, exist_ok=True)
        folders = {"KERNEL_INPUT": str(self.source), "KERNEL_OUTPUT": str(output)}
        return subprocess.Popen(
            [sys.executable, "-I", str(self.script)],
            cwd=output.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1", **folders, MARK: mark},
            stdout=subprocess.PIPE,
            stderr=errors or subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def build_small_kernel(home: Path, *more: str) -> SmallKernel:
    """A folder, further key=value settings -> the kernel, built there, and its input."""
    sources = copy_sources(home / "sources")
    for name, before, after in _EDITS:
        text = (sources / name).read_text()
        assert text.count(before) == 1, f"{name}: {before}"
        (sources / name).write_text(text.replace(before, after))
    settings = [word for text in (*_SIZES, *more) for word in ("--set", text)]
    built = call(sources, "build.py", "--recipe", "auto", "--weights", "random", *settings)
    assert built.returncode == 0, built.stderr
    script = home / "kernel.py"
    shutil.move(sources / "build" / "kernel.py", script)
    shutil.rmtree(sources)
    source = home / "input"
    shards = source / "test-gan-competition"
    write_shards(look_alike(96, seed=5), shards, seed=5, records_per_shard=12, chaos=0.1)
    return SmallKernel(script, source, home)
