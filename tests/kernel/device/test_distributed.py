"""Two gloo processes: the steps and samples of one; torchrun on the built file."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.tensor_files import read_state
from lib.kernel.device.cpu_threads import Cores, pin_to_cores
from lib.kernel.device.device import Device
from lib.kernel.device.ranks import Ranks
from tests.local_runs import QUICK, ROOT, UNCURATED, call, copy_sources, list_options, write_input

SCRIPT = """
import math, os, sys
from pathlib import Path
import numpy as np, torch
from lib.synthetic.look_alike import look_alike
from lib.kernel.device.device import choose_device
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.training.worker_rank import spawn_workers
from lib.kernel.sampling.draw import sample_images
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from tests.small import keep_used

recipe, ranks, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
if __name__ == "__main__":
    torch.set_num_threads(2)
    images = np.repeat(look_alike(64, 3)[:, None], 3 if recipe == "second-seed" else 1, axis=1)
    sizes = {"width": 16, "depth": 1, "batch": 8, "targets": 16, "steps": 12, "epoch_fid": 0}
    sizes |= {"clusters": 3, "save_every": 100}
    config, recipe = make_config(recipe, keep_used(recipe, sizes)), load_recipe(recipe)
    device = choose_device(spawn_workers(ranks, 0, recipe, None))
    for thread in Path("/proc/self/task").iterdir():
        if "gloo" in (thread / "comm").read_text():
            print("gloo on", *sorted(os.sched_getaffinity(int(thread.name))))
    for attempt in range(2):  # the second one finds the first one's end and goes on to the same
        result = train(images, recipe, config, device, folder, folder, TimeLimit(math.inf))
    samples = sample_images(result.model, 300, device)
    device.ranks.shutdown()
    np.save(folder / "samples.npy", samples)
"""


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes on a CPU, on a machine with a GPU too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="needs two cores to share out"
)


def run_script(folder: Path, recipe: str, ranks: int) -> tuple[dict[str, torch.Tensor], np.ndarray]:
    """-> weights and 300 samples after twelve steps on that many processes."""
    folder.mkdir()
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), recipe, str(ranks), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert ("2 processes train together" in done.stdout) == (ranks == 2)
    found = {line for line in done.stdout.splitlines() if line.startswith("gloo on")}
    cores = sorted(os.sched_getaffinity(0))
    own = cores[: len(cores) // 2] or cores
    assert found == ({f"gloo on {' '.join(map(str, own))}"} if ranks == 2 else set())
    weights = read_state(folder / "model.pt", torch.device("cpu"))["weights"]
    return weights, np.load(folder / "samples.npy")


@pytest.mark.parametrize("recipe", ["pixel", "second-seed"])
def test_two_processes_train_and_draw_what_one_does(tmp_path: Path, recipe: str) -> None:
    one, alone = run_script(tmp_path / "one", recipe, 1)
    two, together = run_script(tmp_path / "two", recipe, 2)
    for name, weight in one.items():  # Adam makes much of a first gradient's last digits
        assert (two[name] - weight).double().abs().mean() <= 5e-5, name
    assert together.shape == alone.shape == (300, one_channel(recipe), 32, 32)
    assert np.mean(together != alone) < 0.02  # a value at a rounding's edge may fall either way


def one_channel(recipe: str) -> int:
    return 3 if recipe == "second-seed" else 1


def test_slices_cover_a_batch_once() -> None:
    for batch in (2, 7, 64):
        for count in (1, 2, 3):
            if count > batch:
                continue
            slices = [Ranks(rank, count).slice_of(batch) for rank in range(count)]
            taken = [place for part in slices for place in range(part.start, part.stop)]
            assert taken == list(range(batch))
            assert all(part.stop > part.start for part in slices)


@needs_two_cores
def test_ranks_share_the_cores_of_their_machine() -> None:
    cores = os.sched_getaffinity(0)
    for count in (2, 3):
        taken: list[int] = []
        for rank in range(count):
            with pin_to_cores(rank, count):
                taken += os.sched_getaffinity(0)
            assert os.sched_getaffinity(0) == cores
        expected = cores if len(cores) >= count else [*cores] * count
        assert sorted(taken) == sorted(expected)
    with pin_to_cores(0, 1):  # the only rank of its machine
        assert os.sched_getaffinity(0) == cores


@needs_two_cores
def test_a_rank_works_on_its_own_cores() -> None:
    cores = sorted(os.sched_getaffinity(0))
    ranks, threads = Ranks(1, 2, 1, 2), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with Cores(Device(torch.device("cpu"), None, "cpu", ranks)) as own:
            found = own.map(lambda _: os.sched_getaffinity(0), range(4))
    finally:
        torch.set_num_threads(threads)
    assert found == [set(cores[len(cores) // 2 :])] * 4
    assert sorted(os.sched_getaffinity(0)) == cores


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = copy_sources(tmp_path_factory.mktemp("built") / "sources")
    built = call(sources, "build.py", *list_options(QUICK), *UNCURATED)
    assert built.returncode == 0, built.stderr
    return sources / "build" / "kernel.py"


def test_torchrun_runs_the_one_file(tmp_path: Path, one_file: Path) -> None:
    """Rank 0 alone writes; the others follow it and leave when it does."""
    source, output = write_input(tmp_path / "input"), tmp_path / "output"
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(one_file)]
    done = call(tmp_path, *words, KERNEL_INPUT=str(source), KERNEL_OUTPUT=str(output))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done: ") == 5
    assert (output / "submission.csv").read_text().count("\n") == 13


def test_torchrun_runs_it_on_two_nodes(tmp_path: Path, one_file: Path) -> None:
    """Both nodes are this machine, each with an agent of its own, as on several machines."""
    source, output = write_input(tmp_path / "input"), tmp_path / "output"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    place = ["--master-addr=127.0.0.1", f"--master-port={port}"]
    folders = {"KERNEL_INPUT": str(source), "KERNEL_OUTPUT": str(output)}
    follower = [sys.executable, *words, *place, "--node-rank=1", str(one_file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **folders}
    with subprocess.Popen(follower, env=environment, stdout=subprocess.PIPE, text=True) as other:
        done = call(tmp_path, *words, *place, "--node-rank=0", str(one_file), **folders)
        assert done.returncode == 0, done.stderr
        assert other.stdout
        assert "done: " not in other.stdout.read()
    assert other.returncode == 0
    assert (output / "submission.csv").read_text().count("\n") == 13


def test_a_run_that_loses_a_process_goes_on_alone(tmp_path: Path) -> None:
    source, output = write_input(tmp_path / "input"), tmp_path / "output"
    steps, ranks = ("--set", "steps=300"), ("--set", "ranks=2")
    words = [str(ROOT / "build.py"), "run", *list_options("pixel"), *UNCURATED]
    command = [sys.executable, *words, *steps, *ranks]
    folders = ["--input", str(source), "--output", str(output)]
    with subprocess.Popen(command + folders, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        said = ""
        while not said.splitlines() or "train: " not in said.splitlines()[-1]:
            line = run.stdout.readline()
            assert line, said
            said += line
        for child in find_spawned(run.pid):
            os.kill(child, signal.SIGKILL)
        said += run.stdout.read()
    assert run.returncode == 0, said
    assert "2 processes train together" in said
    assert said.count("goes on alone from the last checkpoint") == 1
    assert (output / "submission.csv").read_text().count("\n") == 13


def find_spawned(parent: int) -> list[int]:
    """A process -> those that it spawned to run Python code."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            command = (status.parent / "cmdline").read_text()
        except OSError:  # it has just ended
            continue
        if int(lines["PPid"]) == parent and "spawn_main" in command:
            found.append(int(status.parent.name))
    assert found
    return found
