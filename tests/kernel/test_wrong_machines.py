"""Machines that fail: a GPU without kernels or lost half-way, old packages, a hanging download."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.base import least_versions
from lib.base.errors import InputError
from lib.base.files import write_json
from lib.kernel import pipeline
from lib.kernel.configuration.config import TORCHVISION_WEIGHTS
from lib.kernel.configuration.folders import IDENTITY_FILE, TRAIN_FOLDER, Folders
from lib.kernel.device import device as devices
from lib.kernel.device.device import Device, choose_device, find_gpu_fault
from lib.kernel.main import main
from lib.kernel.metrics import features, inception_weights
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.recipes.r3gan.trainer import R3ganTrainer
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling import draw
from tests.commands.renew_kernels import build_text
from tests.local_runs import write_input
from tests.whole_run import make_kernel

FAULT = "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later"
BLOCK = {
    "recipe": "r3gan",
    "steps": 6,
    "batch": 4,
    "width": 8,
    "pool": 16,
    "samples": 12,
    "weights_file": "random",
    "weights_sha256": "",
    "floor_draws": 2,
    "sweep": False,
    "fid_loss": 0.0,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_input(tmp_path_factory.mktemp("data") / "input")


def start(shards: Path, output: Path) -> int:
    """Shards and an output -> the exit code of a whole run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNEL_INPUT", str(shards))
        patch.setenv("KERNEL_OUTPUT", str(output))
        return main(pipeline.run, make_kernel(BLOCK, load_recipe("r3gan")))


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run without a fault."""
    output = tmp_path_factory.mktemp("whole") / "out"
    assert start(shards, output) == 0
    return output


@pytest.mark.parametrize(
    ("place", "name", "call"),
    [
        (R3ganTrainer, "train_step", 4),
        (draw, "draw_share", 1),
        (features, "_prepare", 9),
    ],
)
def test_a_gpu_that_is_lost_costs_what_came_after_the_last_checkpoint(
    shards: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: Any,
    name: str,
    call: int,
) -> None:
    """On a CPU it is imitated: an operation raises once what CUDA raises."""
    real, calls = getattr(place, name), []

    def fail_once(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise RuntimeError(FAULT)
        return real(*given, **named)

    monkeypatch.setattr(place, name, fail_once)
    capsys.readouterr()
    code = start(shards, tmp_path / "out")
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    line = "runtime: cpu failed, got CUDA error: unspecified launch failure; this process goes on"
    assert said.out.count(line) == 1
    for file in ("submission.csv", "images.zip"):
        assert (tmp_path / "out" / file).read_bytes() == (whole / file).read_bytes()


def test_a_gpu_that_fails_again_ends_the_run_in_two_lines(
    shards: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*given: Any) -> None:
        raise RuntimeError(FAULT)

    with monkeypatch.context() as patch:
        patch.setattr(R3ganTrainer, "train_step", fail)
        code = start(shards, tmp_path / "out")
    what, cure = capsys.readouterr().err.splitlines()
    assert (code, what) == (
        1,
        "error: runtime: cpu failed, got CUDA error: unspecified launch failure",
    )
    assert cure.startswith("  cure: the same command goes on from the last checkpoint")
    assert start(shards, tmp_path / "out") == 0
    assert (tmp_path / "out" / "run_manifest.json").exists()


@pytest.mark.parametrize(
    ("error", "is_fault"),
    [
        (RuntimeError(FAULT), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling ..."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (torch.OutOfMemoryError("CUDA error: out of memory"), False),
        (RuntimeError("shape '[2]' is invalid for input of size 3"), False),
    ],
)
def test_faults_of_the_gpu_are_told_from_others(error: RuntimeError, is_fault: bool) -> None:
    assert bool(find_gpu_fault(error)) == is_fault


@pytest.mark.parametrize("failing", ["get_device_name", "get_device_capability", "probe"])
def test_a_gpu_without_kernels_gives_way_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failing: str
) -> None:
    def refuse(*given: Any) -> Any:
        raise RuntimeError("CUDA error: no kernel image is available for execution\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Tesla P100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (6, 0))
    place, name = (devices, "_probe_cuda") if failing == "probe" else (torch.cuda, failing)
    monkeypatch.setattr(place, name, refuse)
    assert not choose_device().is_cuda
    assert "failed: CUDA error: no kernel image is available" in capsys.readouterr().out


@pytest.mark.parametrize("began_on_gpu", [True, False])
def test_a_run_keeps_the_sizes_of_the_device_that_it_began_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], began_on_gpu: bool
) -> None:
    """Otherwise a checkpoint of the GPU's networks would not fit those of the CPU."""
    folders = Folders(*[tmp_path] * 4)
    write_json(folders.scratch / IDENTITY_FILE, {"on_gpu": began_on_gpu})
    here = Device(torch.device("cpu"), None, "cpu")
    assert not pipeline.keep_sizes(here, folders).suits_gpu  # nothing is trained yet
    (tmp_path / TRAIN_FOLDER).mkdir()
    (tmp_path / TRAIN_FOLDER / "checkpoint_000000006.pt").touch()
    kept = pipeline.keep_sizes(here, folders)
    assert kept.suits_gpu == began_on_gpu
    assert ("keep the sizes of a GPU" in capsys.readouterr().out) == began_on_gpu
    sizes = load_recipe("pixel").preset.sizes
    config = sizes.resolve(make_config("pixel", {}), kept.suits_gpu)
    assert [getattr(config, name) for name in sizes.names] == list(
        sizes.on_gpu if began_on_gpu else sizes.on_cpu
    )


@pytest.mark.parametrize(
    ("least", "named"),
    [
        ({"torch": (99, 0)}, f"torch is too old, expected 99.0 or later, got {torch.__version__}"),
        ({"numpy": (2, 999)}, f"numpy is too old, expected 2.999 or later, got {np.__version__}"),
        ({"a_package_of_nobody": (1, 0)}, "a_package_of_nobody is not installed, expected 1.0"),
    ],
)
def test_packages_that_would_not_do_are_refused_in_two_lines(
    capsys: pytest.CaptureFixture[str], least: dict[str, tuple[int, int]], named: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        least_versions.check_versions(least)
    what, cure = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert what.startswith(f"error: packages: {named}")
    assert cure.startswith("  cure: pip install --upgrade ")


def test_a_kernel_says_that_torch_is_old_before_it_imports_it(tmp_path: Path) -> None:
    """An old torch stands in front on the path: only its metadata are read."""
    old = tmp_path / "old" / "torch-2.0.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.0.1\n")
    (tmp_path / "old" / "torch").mkdir()
    (tmp_path / "old" / "torch" / "__init__.py").write_text("raise SystemExit('imported')\n")
    kernel = tmp_path / "kernel.py"
    kernel.write_text(build_text("pixel").text)
    ended = subprocess.run(
        [sys.executable, str(kernel)],
        env={"PYTHONPATH": str(tmp_path / "old"), "KERNEL_INPUT": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    what, cure = ended.stderr.splitlines()
    assert what == "error: packages: torch is too old, expected 2.4 or later, got 2.0.1"
    assert cure == "  cure: pip install --upgrade torch; on Kaggle take the latest environment"


def test_a_download_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then never runs into a socket's own time limit."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(inception_weights, "_DOWNLOAD_S", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with server.accept()[0] as peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not over.wait(0.05):
                    peer.sendall(b".")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/weights"
        try:
            with pytest.raises(InputError, match=r"it did not end within 0\.5 s"):
                find_weights(TORCHVISION_WEIGHTS, "", None, tmp_path, url=url)
        finally:
            over.set()
            thread.join()
