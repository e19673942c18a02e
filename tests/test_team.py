"""Two gloo processes: the steps and samples of one; torchrun on the built file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.kernel.checkpoint import read_state
from lib.kernel.team import Team
from tests.local_runs import ROOT, call, copy_sources, list_options, write_input

SCRIPT = """
import dataclasses, math, sys
from pathlib import Path
import numpy as np, torch
from lib.host.synthetic import look_alike
from lib.kernel.config import make_config
from lib.kernel.follower import gather_team
from lib.kernel.sample import sample_images
from lib.kernel.train import Budget, train

recipe, ranks, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
if __name__ == "__main__":
    torch.set_num_threads(2)
    images = np.repeat(look_alike(64, 3)[:, None], 3 if recipe == "second-seed" else 1, axis=1)
    sizes = {"width": 16, "depth": 1, "batch": 8, "targets": 16, "steps": 12, "epoch_fid": 0}
    config = make_config(recipe, {**sizes, "save_every": 100})
    device = gather_team(None, ranks)
    found = []
    for attempt in range(2):  # the second one finds the first one's end and goes on to the same
        result = train(images, config, device, folder, folder, Budget(math.inf))
    samples = sample_images(result.checkpoint, 600, result.config, device)
    device.team.dismiss()
    np.save(folder / "samples.npy", samples)
"""


def run_script(folder: Path, recipe: str, ranks: int) -> tuple[dict[str, torch.Tensor], np.ndarray]:
    """-> weights and 600 samples after twelve steps on that many processes."""
    folder.mkdir()
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), recipe, str(ranks), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert ("2 processes train together" in done.stdout) == (ranks == 2)
    weights = read_state(folder / "model.pt", torch.device("cpu"))["weights"]
    return weights, np.load(folder / "samples.npy")


@pytest.mark.parametrize("recipe", ["pixel", "second-seed"])
def test_two_processes_train_and_draw_what_one_does(tmp_path: Path, recipe: str) -> None:
    one, alone = run_script(tmp_path / "one", recipe, 1)
    two, together = run_script(tmp_path / "two", recipe, 2)
    for name, weight in one.items():  # Adam makes much of a first gradient's last digits
        assert (two[name] - weight).double().abs().mean() <= 5e-5, name
    assert together.shape == alone.shape == (600, one_channel(recipe), 32, 32)
    assert np.mean(together != alone) < 0.02  # a value at a rounding's edge may fall either way


def one_channel(recipe: str) -> int:
    return 3 if recipe == "second-seed" else 1


def test_slices_cover_a_batch_once() -> None:
    for batch in (2, 7, 64):
        for count in (1, 2, 3):
            if count > batch:
                continue
            slices = [Team(rank, count).slice_of(batch) for rank in range(count)]
            taken = [place for part in slices for place in range(part.start, part.stop)]
            assert taken == list(range(batch))
            assert all(part.stop > part.start for part in slices)


def test_torchrun_runs_the_one_file(tmp_path: Path) -> None:
    """Rank 0 alone writes; the others follow it and leave when it does."""
    sources = copy_sources(tmp_path / "sources")
    built = call(sources, "build.py", *list_options("pixel"), "--set", "sweep=false")
    assert built.returncode == 0, built.stderr
    source, output = write_input(tmp_path / "input"), tmp_path / "output"
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = str(sources / "build" / "kernel.py")
    done = call(tmp_path, *words, script, KERNEL_INPUT=str(source), KERNEL_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done: ") == 4
    assert (output / "submission.csv").read_text().count("\n") == 13
