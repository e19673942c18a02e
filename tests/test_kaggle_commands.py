"""The loop typed at a prompt: build.py's commands and the plain kaggle client, from the root."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from build import main
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import make_outputs
from tests.kaggle_server import KaggleServer, make_environment
from tests.kaggle_state import COMPETITION, KEY, Version

SOURCE = Path(__file__).resolve().parents[1]
PARTS = ("lib", "kernel_template", "build.py", "kernel-metadata.json", "requirements.txt")


class Prompt:
    """A copy of the repository, committed, and a Kaggle that its commands reach."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        for name in PARTS:
            source, target = SOURCE / name, self.root / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
        self.server = KaggleServer(folder / "kaggle")
        self.server.play = self._play
        self.server.pending_polls = 0
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {**kept, **make_environment(self.server, folder)}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            words,
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, *words: str, code: int = 0) -> str:
        """Words of a command -> what it printed; it must end with the code."""
        with self.start(*words) as process:
            out, errors = process.communicate(timeout=120)
        shown = out + errors
        assert process.returncode == code, shown
        assert KEY not in shown
        assert SIGNATURE not in shown
        assert "Traceback" not in shown
        return shown

    def build(self, *words: str, code: int = 0) -> str:
        return self.type(sys.executable, "build.py", *words, code=code)

    def kaggle(self, *words: str) -> str:
        return self.type(str(Path(sys.executable).with_name("kaggle")), *words)

    def commit(self) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all"]):
            subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True)

    def _play(self, version: Version) -> None:
        bundle = re.search(r"sha256[^:\n]*: ([0-9a-f]{64})", version.request["text"])
        version.statuses = ["COMPLETE"]
        version.outputs = make_outputs(bundle[1] if bundle else "")
        version.events = [{"stream_name": "stdout", "time": 66.0, "data": "all done\n"}]


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    prompt = Prompt(tmp_path)
    yield prompt
    prompt.server.close()
    assert not prompt.server.connects, "something tried to leave the machine"


def test_the_whole_loop_by_build_py(prompt: Prompt) -> None:
    (prompt.root / ".gitignore").write_text("/build/\n/runs/\n__pycache__/\n")
    assert "init --owner" in prompt.build("push", code=2)
    assert "ada/gan-challenge-one-file" in prompt.build("init", "--owner", "ada")
    prompt.commit()
    ill = prompt.build("doctor", code=1)
    assert re.search(r"CURE +bundle +build/kernel.py is not built", ill)
    pushed = prompt.build("push", "--recipe", "pixel", "--set", "lr=5e-4", "--wait")
    assert "version 1" in pushed
    assert "  | all done" in pushed
    well = prompt.build("doctor")
    assert "CURE" not in well
    assert re.search(r"gpu hours +25.0 of 30.0 h left", well)
    assert re.search(
        r"push +would make ada/gan-challenge-one-file version 2 of commit [0-9a-f]", well
    )
    assert "3 files in runs/gan-challenge-one-file/v1" in prompt.build("fetch")
    scored = prompt.build("submit", "1", "-m", "hello")
    assert "submissions left today: 5" in scored
    assert re.search(r"public score +\d+\.\d+\n", scored)
    table = prompt.build("runs").splitlines()
    assert len(table) == 2
    row = table[1].split()
    assert row[:2] == ["gan-challenge-one-file", "1"]
    assert row[4:10] == ["pixel", "lr=5e-4", "COMPLETE", "1.1", "12.500", "3.250"]
    prompt.build("push", "--recipe", "first-seed", "--accelerator", "NvidiaL4")
    diff = prompt.build("runs", "--diff", "1", "2")
    assert diff.count("recipe: 'pixel' against 'first-seed'") == 1
    assert "machine_shape: 'NvidiaTeslaT4' against 'NvidiaL4'" in diff
    assert prompt.server.versions["ada/gan-challenge-one-file"][1].request["machineShape"] == (
        "NvidiaL4"
    )
    with (prompt.root / "lib" / "kernel" / "seeds.py").open("a") as file:
        file.write("# changed\n")
    assert "--allow-dirty" in prompt.build("push", code=2)


def test_plain_client_works_from_the_root(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    prompt.build("--recipe", "second-seed")
    ref = "ada/gan-challenge-one-file"
    assert "version 1 successfully pushed" in prompt.kaggle("kernels", "push")
    sent = prompt.server.versions[ref][0].request
    assert sent["text"] == (prompt.root / "build" / "kernel.py").read_text()
    assert sent["machineShape"] == "NvidiaTeslaT4"
    assert sent["competitionDataSources"] == [COMPETITION]
    assert "COMPLETE" in prompt.kaggle("kernels", "status", ref)
    prompt.kaggle("kernels", "output", ref, "-p", "out")
    csv = (prompt.root / "out" / "submission.csv").read_bytes()
    assert csv == prompt.server.versions[ref][0].outputs["submission.csv"]
    words = ("competitions", "submit", COMPETITION, "-f", "out/submission.csv", "-m", "plain")
    assert "Successfully submitted" in prompt.kaggle(*words)
    assert prompt.server.submissions[0]["content"] == csv


def test_ctrl_c_leaves_the_kernel_running(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    version = prompt.server.push("ada/gan-challenge-one-file", "x")
    version.statuses = ["RUNNING"]
    with prompt.start(sys.executable, "build.py", "watch", "1") as process:
        end = time.monotonic() + 600
        while not prompt.server.count("GetKernelSessionStatus") and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        try:
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, errors
    assert "to resume: python build.py watch gan-challenge-one-file/1" in out
    assert version.status == "RUNNING"


def test_sweep_pushes_all_combinations(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    words = ("--recipe", "pixel,first-seed", "--set", "lr=1e-4,2e-4", "--allow-dirty")
    table = prompt.build("sweep", *words)
    refs = [f"ada/gan-challenge-one-file-{name}" for name in ("pixel", "first-seed")]
    assert sorted(prompt.server.versions) == sorted(
        f"{ref}-lr-{value}e-4" for ref in refs for value in (1, 2)
    )
    assert table.count("COMPLETE") >= 4
    rates = set()
    for (version,) in prompt.server.versions.values():
        rates.add(re.search(r"'lr': (\S+),", version.request["text"])[1])
    assert rates == {"0.0001", "0.0002"}


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("push", "--recip", "pixel"), "did you mean '--recipe'"),
        (("submit", "1"), "-m"),
        (("init",), "--owner"),
        (("fetch", "1"), "init --owner"),
        (("fech",), "did you mean 'fetch'"),
    ],
    ids=str,
)
def test_mistake_exits_with_two_and_names_the_cure(
    words: tuple[str, ...], cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert cure in shown
    assert len(shown.strip().splitlines()) <= 3
