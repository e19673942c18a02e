"""The device that a run's log names, compared with the one that the push asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.kaggle.push import choose_machine, push_cargo
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from lib.kaggle.running_device import check_log
from tests.kaggle_place import REF, Place, make_outputs, make_script, open_place
from tests.kaggle_state import Version

P100 = "runtime: Tesla P100-PCIE-16GB, float16 (SM 6.0: bfloat16 needs 8.0, below it is slow)"
T4 = "runtime: Tesla T4, float16 (SM 7.5: bfloat16 needs 8.0, below it is emulated and slow)"
CPU = "runtime: cpu, 4 threads, float32 (torch sees no CUDA device; no instructions for it here)"
FAILED = "runtime: cpu, 4 threads, float32 (Tesla T4 is there, but a first operation on it failed)"
ROW = "|   {}  Tesla T4                       Off |   00000000:00:04.0 Off |                    0 |"
SMI = "| NVIDIA-SMI 570.172.08             Driver Version: 570.172.08     CUDA Version: 12.8     |"


def tell(capsys: pytest.CaptureFixture[str], asked: str, *lines: str) -> str:
    """A machine_shape and a log -> the warnings."""
    check_log("watch", asked, lines)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "lines", "named"),
    [
        ("NvidiaTeslaT4", [P100], "Tesla P100-PCIE-16GB"),
        ("NvidiaTeslaT4", [CPU], "a CPU"),
        ("NvidiaTeslaT4", [FAILED], "a CPU"),
        ("NvidiaTeslaT4", ["[a] " + CPU], "a CPU"),
        ("NvidiaTeslaP100", ["hello", T4], "Tesla T4"),
        ("NvidiaL4", ["Tesla T4"], "Tesla T4"),
        ("NvidiaH100", ["GPU: NVIDIA A100-SXM4-80GB"], "NVIDIA A100-SXM4-80GB"),
        ("NvidiaL4", ["device name = 'NVIDIA H100 80GB HBM3'"], "NVIDIA H100"),
        ("NvidiaTeslaT4", ["NVIDIA RTX PRO 6000 Blackwell Server Edition"], "NVIDIA RTX PRO 6000"),
        ("NvidiaTeslaP100", [SMI, ROW.format(0), ROW.format(1)], "Tesla T4"),
        ("NvidiaL4X1", ["GPU 0: Tesla T4 (UUID: GPU-0a1b)"], "Tesla T4"),
        ("NvidiaTeslaT4", [SMI, ROW.format(0)], "1 x Tesla T4"),
        ("NvidiaTeslaT4", ["Using device: cpu"], "a CPU"),
        ("NvidiaTeslaT4", ["torch.cuda.is_available() = False"], "a CPU"),
        ("NvidiaTeslaT4", ["CUDA available: False"], "a CPU"),
        ("NvidiaTeslaT4", ["/bin/bash: nvidia-smi: command not found"], "a CPU"),
        ("TpuV5E8", ["running on the CPU"], "a CPU"),
        ("TpuV38", ["device(type='cpu', index=0)"], "a CPU"),
        (
            "NvidiaTeslaT4",
            ["UserWarning: Found GPU0 Tesla P100-PCIE-16GB which is of cuda capability 6.0."],
            "Tesla P100-PCIE-16GB",
        ),
    ],
)
def test_another_device_is_told_once(
    capsys: pytest.CaptureFixture[str], asked: str, lines: list[str], named: str
) -> None:
    told = tell(capsys, asked, *lines, *lines)
    assert told.count("warning:") == 1
    assert asked in told
    assert f"and the log names {named}; its time counts" in told


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ("NvidiaTeslaT4", [T4]),
        ("NvidiaTeslaT4", [SMI, ROW.format(0), ROW.format(1)]),
        ("NvidiaTeslaT4", ["GPU 0: Tesla T4 (UUID: GPU-0)", "GPU 1: Tesla T4 (UUID: GPU-1)"]),
        ("NvidiaTeslaT4", ["Tesla T4", "cpu", "Using device: cpu"]),
        ("NvidiaTeslaT4", ["an NVIDIA A100 is recommended for this notebook", T4]),
        ("NvidiaTeslaT4", ["100% cpu", "cpu_count 4", "NVIDIA-SMI has no news", "done"]),
        ("NvidiaL4X1", ["NVIDIA L4"]),
        ("NvidiaRtxPro6000", ["NVIDIA RTX PRO 6000 Blackwell Server Edition"]),
        ("TpuV5E8", ["TPU v5e-8"]),
        ("", [CPU]),
        ("none", [T4]),
        ("NvidiaOfTomorrow", [T4]),
        ("NvidiaTeslaT4", []),
    ],
)
def test_the_device_asked_for_and_other_lines_pass(
    capsys: pytest.CaptureFixture[str], asked: str, lines: list[str]
) -> None:
    assert tell(capsys, asked, *lines) == ""


def test_long_lines_cost_linear_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(capsys, "NvidiaTeslaT4", "Tesla " * 200_000, "| 0 " + " " * 500_000) == ""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    def play(version: Version) -> None:
        version.statuses = ["RUNNING", "COMPLETE"]
        bundle = version.request["text"].partition('"bundle_sha256": \'')[2][:64]
        version.outputs = make_outputs(bundle)
        version.events = [{"stream_name": "stdout", "time": 5.0, "data": f"{P100}\nhello\n"}]

    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play
        yield place


def test_watch_and_fetch_tell_of_another_device(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kaggle replaces retired shapes silently; once a run on a P100 looked like one on T4s."""
    place.push(make_script())
    words = "warning: NvidiaTeslaT4 (two T4s of 16 GB) was asked for, and the log names Tesla P100"
    capsys.readouterr()
    watch_and_record(place.work, place.session, REF, 1)
    assert capsys.readouterr().out.count(f"watch: {words}") == 1
    fetch_and_record(place.work, place.session, REF, 1)
    assert capsys.readouterr().out.count(f"fetch: {words}") == 1


def test_what_one_push_asked_for_counts_not_what_the_file_says(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = choose_machine(place.metadata, "NvidiaTeslaP100")
    push_cargo(place.work, place.session, metadata, place.make_cargo(make_script()))
    watch_and_record(place.work, place.session, REF, 1)
    assert "the log names" not in capsys.readouterr().out
    place.server.push(REF, "by the plain client")
    watch_and_record(place.work, place.session, REF, 2)
    assert "NvidiaTeslaT4 (two T4s of 16 GB) was asked for" in capsys.readouterr().out
