"""Torch in a bundle: loader workers, saved classes, TorchScript, Dynamo, and ranks of two kinds."""

import socket
from pathlib import Path

import pytest

from tests.bundled import Outcome, Place


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
