"""Two gloo processes of the built kernel, of which one is killed in each stage."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.look import CHILDREN_S, find_torn, wait_for_children
from tests.chaos.small_kernel import MARK
from tests.kernel.device.test_distributed import find_spawned
from tests.local_runs import QUICK, UNCURATED, call, copy_sources, list_options, write_input

OPTIONS = [*list_options(QUICK), *UNCURATED, "--set", "steps=40", "--set", "ranks=2"]
TOGETHER = "2 processes train together"
ALONE = "goes on alone from the last checkpoint"
# The line of the log after which a rank is killed -> what the log says of the loss.
MOMENTS = {
    "": "this process trains alone: another process ended before it came",
    TOGETHER: ALONE,
    "decode: done": ALONE,
    "train: ": ALONE,
    "train: done": ALONE,
    "features: done": "",  # it has nothing to do any more
}


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = copy_sources(tmp_path_factory.mktemp("built") / "sources")
    built = call(sources, "build.py", *OPTIONS)
    assert built.returncode == 0, built.stderr
    return sources / "build" / "kernel.py"


@contextmanager
def running(one_file: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    folders = {"KERNEL_INPUT": str(folder / "input"), "KERNEL_OUTPUT": str(folder / "output")}
    more = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", MARK: str(folder)}
    command = [sys.executable, "-I", str(one_file)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = {**os.environ, **more, **folders}
    with subprocess.Popen(
        command, env=environment, text=True, start_new_session=True, **pipes
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read the log until a line has the words in it; return what was read."""
    said = ""
    assert process.stdout is not None
    while not said or words not in said.splitlines()[-1]:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def wait_for_spawned(parent: int) -> list[int]:
    """Wait until a process has spawned another one; return those."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        try:
            return find_spawned(parent)
        except AssertionError:
            time.sleep(0.02)
    raise AssertionError("nothing was spawned")


@pytest.mark.parametrize("moment", MOMENTS)
def test_rank_0_goes_on_when_the_other_one_is_killed(
    moment: str, one_file: Path, tmp_path: Path
) -> None:
    write_input(tmp_path / "input")
    with running(one_file, tmp_path) as process:
        said = read_until(process, moment) if moment else ""
        for child in wait_for_spawned(process.pid):
            os.kill(child, signal.SIGKILL)
        assert process.stdout is not None
        said += process.stdout.read()
    assert process.returncode == 0, said
    assert MOMENTS[moment] in said
    assert (tmp_path / "output" / "submission.csv").read_text().count("\n") == 13
    assert find_torn(tmp_path / "output") == []


@pytest.mark.parametrize("moment", ["", TOGETHER, "train: "])
def test_the_other_rank_ends_when_rank_0_is_killed(
    moment: str, one_file: Path, tmp_path: Path
) -> None:
    """And the same command completes the run."""
    write_input(tmp_path / "input")
    with running(one_file, tmp_path) as process:
        if moment:
            read_until(process, moment)
        wait_for_spawned(process.pid)
        process.kill()
        process.wait()
        # A process that has just been spawned hears of it once it has read the script.
        wait_for_children(str(tmp_path), CHILDREN_S if moment else 60.0)
    if moment != "train: ":
        return
    with running(one_file, tmp_path) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0, said
    assert (tmp_path / "output" / "submission.csv").read_text().count("\n") == 13


def test_sigterm_lets_rank_0_save_and_all_leave(one_file: Path, tmp_path: Path) -> None:
    """The signal goes to the whole group, as a terminal or `timeout` sends it."""
    write_input(tmp_path / "input")
    with running(one_file, tmp_path) as process:
        said = read_until(process, "train: ")
        os.killpg(process.pid, signal.SIGTERM)
        assert process.stdout is not None
        said += process.stdout.read()
        wait_for_children(str(tmp_path))
    assert process.returncode == 143, said
    assert "terminated: the same command goes on from here" in said.splitlines()
