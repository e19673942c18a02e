"""Two variants side by side: each has its share of the machine, and none harms the other."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib.kernel.report.manifest import find_damage
from lib.kernel.side_by_side import share_machine

ROOT = Path(__file__).parents[2]
CORES = len(os.sched_getaffinity(0))
START = f"""
import os, pathlib, sys, time
sys.path.insert(0, {str(ROOT)!r})
from lib.kernel.side_by_side import VARIANT, end_with_starter, run_side_by_side
end_with_starter()
name = os.environ.get(VARIANT)
if not name:
    sys.exit(run_side_by_side(__file__, ["one", "two"], "ab" * 32))
out = pathlib.Path(os.environ["KERNEL_OUTPUT"])
out.mkdir(parents=True)
"""
GOOD = """
(out / "places.txt").write_text(os.environ["KERNEL_SCRATCH"])
print("begins", flush=True)
(out / "run_manifest.json").write_text("{}")
"""
FAILS = {
    "error": "sys.exit('error: decode: no shards\\n  cure: attach the data')",
    "killed": "os.kill(os.getpid(), 9)",
    "no manifest": "(out / 'run_manifest.json').unlink()",
    "traceback": "1 / 0",
}
TOLD = {
    "error": (1, "error: decode: no shards"),
    "killed": (-9, "signal 9 ended it"),
    "no manifest": (0, "it said nothing"),
    "traceback": (1, "ZeroDivisionError: division by zero"),
}


def start(folder: Path, body: str) -> "subprocess.Popen[str]":
    """(a folder, what each variant does) -> the process that starts both, in a group of its own."""
    script = folder / "kernel.py"
    script.write_text(START + body)
    kept = {name: value for name, value in os.environ.items() if name[:7] != "KERNEL_"}
    return subprocess.Popen(
        [sys.executable, str(script)],
        cwd=folder,
        env={**kept, "KERNEL_INPUT": str(folder), "KERNEL_OUTPUT": str(folder / "out")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, body: str) -> tuple[int, str, str]:
    """The same -> (exit code, stdout, stderr)."""
    with start(folder, body) as process:
        out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def read_manifest(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "out" / "run_manifest.json").read_text())
    assert find_damage(folder / "out", manifest) == []
    return dict(manifest)


def test_each_has_folders_of_its_own_and_its_name_before_its_lines(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, GOOD)
    assert code == 0
    for name in ("one", "two"):
        assert f"{name} | begins" in out.splitlines()
        assert f"pack: {name} is complete" in out
        scratch = (tmp_path / "out" / name / "places.txt").read_text()
        assert scratch == str(tmp_path / "out.scratch" / name)
    manifest = read_manifest(tmp_path)
    assert manifest["bundle_sha256"] == "ab" * 32
    files = [f"{name}/{file}" for name in ("one", "two") for file in ("places", "run_manifest")]
    assert [path.split(".")[0] for path in manifest["artefacts"]] == files


@pytest.mark.parametrize("kind", FAILS)
def test_one_that_fails_leaves_the_other_valid(tmp_path: Path, kind: str) -> None:
    code, out, errors = run(tmp_path, f"{GOOD}\nif name == 'two':\n    {FAILS[kind]}\n")
    exit_code, error = TOLD[kind]
    assert code == 0, errors
    ends = read_manifest(tmp_path)["variants"]
    assert ends["one"] == {"valid": True, "exit_code": 0, "error": ""}
    assert ends["two"] == {"valid": False, "exit_code": exit_code, "error": error}
    assert "pack: one is complete" in out
    assert f"pack: warning: two failed with exit code {exit_code}: {error}" in out
    assert all(line.startswith("two | ") for line in errors.splitlines())


def test_where_both_fail_the_kernel_fails_and_still_lists_their_files(tmp_path: Path) -> None:
    code, _, _ = run(tmp_path, f"{GOOD}\n{FAILS['error']}\n")
    assert code == 1
    assert not any(end["valid"] for end in read_manifest(tmp_path)["variants"].values())


def test_any_bytes_and_lines_of_a_megabyte_pass(tmp_path: Path) -> None:
    body = "sys.stdout.buffer.write(b'x' * (1 << 20) + b'\\xff\\n' + b'last')"
    code, out, _ = run(tmp_path, GOOD + body)
    assert code == 0
    lines = out.splitlines()
    assert lines.count("one | last") == lines.count("two | last") == 1
    assert sum(line.endswith("x\ufffd") for line in lines) == 2


WAITS = "(out / 'pid').write_text(str(os.getpid()))\ntime.sleep(120)\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_variant_outlives_the_process_that_started_it(tmp_path: Path, number: int) -> None:
    with start(tmp_path, WAITS) as process:
        pids = [tmp_path / "out" / name / "pid" for name in ("one", "two")]
        wait_until(lambda: all(path.is_file() and path.read_text() for path in pids))
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode in (128 + number, -number)
    wait_until(lambda: not any(is_alive(int(path.read_text())) for path in pids))


def test_a_second_pack_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with start(tmp_path, WAITS) as process:
        wait_until(lambda: (tmp_path / "out" / "one" / "pid").is_file())
        code, _, errors = run(tmp_path, WAITS)
        process.terminate()
        process.communicate(timeout=60)
    assert code == 2
    assert "another run is at work" in errors


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("gpus", "visible", "shares"),
    [
        (2, None, ["0", "1"]),
        (4, None, ["0,1", "2,3"]),
        (3, None, ["0", "1,2"]),
        (2, "5,7", ["5", "7"]),
        (2, "GPU-a,MIG-b", ["GPU-a", "MIG-b"]),
        (1, None, [None, None]),
        (1, "3", [None, None]),
        (0, None, [None, None]),
        (0, "", [None, None]),
    ],
)
def test_gpus_are_shared_out(gpus: int, visible: str | None, shares: list[str | None]) -> None:
    given = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    found = share_machine(2, gpus, given)
    assert [share.get("CUDA_VISIBLE_DEVICES") for share in found] == shares
    assert {share["OMP_NUM_THREADS"] for share in found} == {str(max(1, CORES // 2))}


def test_threads_that_were_given_are_kept() -> None:
    found = share_machine(2, 0, {"OMP_NUM_THREADS": "3"})
    assert [share["OMP_NUM_THREADS"] for share in found] == ["3", "3"]
