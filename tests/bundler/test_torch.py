"""Torch in a bundle: loader workers, saved classes, TorchScript, Inductor, ranks of two kinds."""

import os
import shutil
import socket
import sysconfig
from pathlib import Path

import pytest

from tests.bundled import Outcome, Place

COMPILED = """\
True [5.0, 9.4737, 9.7344, 5.8439]
2 <FrameSummary file ROOT/lib/steps.py, line 23 in breaking>
from user code:
   File "ROOT/lib/steps.py", line 23, in breaking
    torch._dynamo.graph_break()
"""


def _find_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.slow
def test_tensors(tmp_path: Path) -> None:
    """DataLoader workers, torch.save and load, torch.jit, torch.compile."""
    place = Place(tmp_path, "tensors")
    place.copy_sources()
    expected = place.run_plain("fork", "spawn")
    assert expected.exit_code == 0, expected.stderr
    place.bundle()
    assert place.run_bundle("fork", "spawn") == expected


@pytest.mark.slow
def test_compiled_to_machine_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inductor's values, and Dynamo's frames with a module's own file, line and text.

    Only the bundle runs, against what the sources print: Inductor takes some eight CPU seconds.
    """
    if not any(shutil.which(os.environ.get("CXX") or name) for name in ("g++", "clang++")):
        pytest.skip("torch.compile's backend inductor needs a C++ compiler")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        pytest.skip("torch.compile's backend inductor needs Python.h")
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of processes for one kernel
    place = Place(tmp_path, "compiled")
    place.copy_sources()
    place.bundle()
    got = place.run_bundle()
    assert (got.stdout, got.exit_code) == (COMPILED, 0), got.stderr


@pytest.mark.slow
def test_ranks_that_the_script_spawns(tmp_path: Path) -> None:
    place = Place(tmp_path, "ranks")
    place.copy_sources()
    expected = place.run_plain(_find_port())
    assert expected.exit_code == 0, expected.stderr
    assert "2 [1.5, 2.0] <class 'lib.net.Net'>" in expected.stdout
    place.bundle()
    assert place.run_bundle(_find_port()) == expected


@pytest.mark.slow
def test_ranks_of_torchrun(tmp_path: Path) -> None:
    place = Place(tmp_path, "ranks")
    place.copy_sources()

    def launch(folder: Path) -> Outcome:
        words = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port", _find_port())
        return place.run(folder, folder / "entry.py", (), flags=words)

    expected = launch(place.plain)
    assert expected.exit_code == 0, expected.stderr
    place.bundle()
    got = launch(place.empty)
    assert (got.stdout, got.exit_code) == (expected.stdout, 0), got.stderr
