"""The loop typed at a prompt: build.py's commands and the plain kaggle client, from the root."""

import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from build import main
from tests.kaggle_prompt import Prompt, open_prompt
from tests.kaggle_state import COMPETITION


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path)


def test_the_whole_loop_by_build_py(prompt: Prompt) -> None:
    (prompt.root / ".gitignore").write_text("/build/\n/runs/\n__pycache__/\n")
    assert "init --owner" in prompt.build("push", code=2)
    assert "ada/kernelpress-gan-challenge" in prompt.build("init", "--owner", "ada")
    prompt.commit()
    ill = prompt.build("doctor", code=1)
    assert re.search(r"CURE +bundle +build/kernel.py is not built", ill)
    pushed = prompt.build("push", "--recipe", "pixel", "--set", "lr=5e-4", "--wait")
    assert "takes at most 90 min, 5% of Kaggle's 30 GPU hours a week" in pushed
    assert "version 1" in pushed
    assert "  | all done" in pushed
    well = prompt.build("doctor")
    assert "CURE" not in well
    assert re.search(r"ledger +1 push in runs/ledger.jsonl", well)
    assert re.search(r"gpu hours +25.0 of 30.0 h left", well)
    assert re.search(
        r"push +would make ada/kernelpress-gan-challenge version 2 of commit [0-9a-f]", well
    )
    fetched = prompt.build("fetch")
    assert "3 files in runs/kernelpress-gan-challenge/v1" in fetched
    assert "the log has 1 line, in kernelpress-gan-challenge.log" in fetched
    told = "compared: FID 12.5, 3.8 times its floor; no comparable run before"
    assert told in fetched
    scored = prompt.build("submit", "1", "-m", "hello")
    assert "submissions left today: 5" in scored
    assert re.search(r"public score +\d+\.\d+\n", scored)
    table = prompt.build("runs").splitlines()
    assert table[2:] == ["place on the leaderboard after kernelpress-gan-challenge/1: 2 of 2"]
    row = table[1].split()
    assert row[:2] == ["kernelpress-gan-challenge", "1"]
    assert row[4:10] == ["pixel", "lr=5e-4", "COMPLETE", "1.1", "12.500", "3.250"]
    prompt.build("push", "--recipe", "first-seed", "--accelerator", "NvidiaL4")
    diff = prompt.build("runs", "--diff", "1", "2")
    assert diff.count("recipe: 'pixel' against 'first-seed'") == 1
    assert "machine_shape: 'NvidiaTeslaT4' against 'NvidiaL4'" in diff
    assert prompt.server.versions["ada/kernelpress-gan-challenge"][1].request["machineShape"] == (
        "NvidiaL4"
    )
    with (prompt.root / "lib" / "base" / "seeds.py").open("a") as file:
        file.write("# changed\n")
    assert "--allow-dirty" in prompt.build("push", code=2)


def test_plain_client_works_from_the_root(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    told = prompt.build("--recipe", "second-seed")
    ref = "ada/kernelpress-gan-challenge"
    assert "version 1 successfully pushed" in prompt.kaggle("kernels", "push")
    sent = prompt.server.versions[ref][0].request
    assert sent["text"] == (prompt.root / "build" / "kernel.py").read_text()
    assert sent["machineShape"] == "NvidiaTeslaT4"
    assert sent["competitionDataSources"] == [COMPETITION]
    assert "COMPLETE" in prompt.kaggle("kernels", "status", ref)
    prompt.kaggle("kernels", "output", ref, "-p", "out")
    csv = (prompt.root / "out" / "submission.csv").read_bytes()
    assert csv == prompt.server.versions[ref][0].outputs["submission.csv"]
    assert "sessionTimeoutSeconds" not in sent
    line = re.search(r"^next: kaggle (kernels push -t 6300),", told, re.MULTILINE)
    assert "version 2 successfully pushed" in prompt.kaggle(*line[1].split())
    timed = prompt.server.versions[ref][1].request
    assert (timed["sessionTimeoutSeconds"], timed["text"]) == (6300, sent["text"])
    words = ("competitions", "submit", COMPETITION, "-f", "out/submission.csv", "-m", "plain")
    assert "Successfully submitted" in prompt.kaggle(*words)
    assert prompt.server.submissions[0]["content"] == csv
    watched = json.loads(prompt.build("watch", "2", "--json").splitlines()[0])
    assert (watched["status"], watched["minutes"], watched["folder"]) == ("COMPLETE", 1.1, None)
    fetched = json.loads(prompt.build("fetch", "2", "--json").splitlines()[0])
    assert fetched["when"]
    known = dict.fromkeys(("when", "metrics", "verified", "folder"))
    assert {**fetched, **known} == {**watched, **known}, "the same but for what was fetched"


def test_notebook_is_pushed_by_build_py_and_by_the_plain_client(prompt: Prompt) -> None:
    """Without a word about it in the tracked kernel-metadata.json, which is the script's."""
    prompt.build("init", "--owner", "ada")
    tracked = (prompt.root / "kernel-metadata.json").read_text()
    ref, folder = "ada/kernelpress-gan-challenge", prompt.root / "build" / "notebook"
    words = ("push", "--format", "notebook", "--allow-dirty", "--accelerator", "NvidiaL4")
    assert f"{ref} version 1" in prompt.build(*words, "--wait")
    assert "3 files" in prompt.build("fetch", "1")  # the bundle's hash is the pushed one
    assert "version 2 successfully pushed" in prompt.kaggle(
        *("kernels", "push", "-p", "build/notebook")
    )
    ours, theirs = (version.request for version in prompt.server.versions[ref])
    assert ours["text"] == (folder / "kernel.ipynb").read_text()
    assert json.loads(theirs["text"]) == json.loads(ours["text"])
    assert (ours["machineShape"], theirs["machineShape"]) == ("NvidiaL4", "NvidiaTeslaT4")
    for request in (ours, theirs):
        assert (request["kernelType"], request["slug"]) == ("notebook", ref)
        assert request["competitionDataSources"] == [COMPETITION]
        for cell in json.loads(request["text"])["cells"]:
            assert isinstance(cell["source"], str)  # Kaggle's server takes no list
    assert (prompt.root / "kernel-metadata.json").read_text() == tracked
    assert not (prompt.root / "build" / "kernel.py").exists()
    assert f"{ref} version 3" in prompt.build("push", "--allow-dirty")
    assert prompt.server.versions[ref][2].request["kernelType"] == "script"
    assert "'notebook'" in prompt.build("push", "--format", "notebok", code=2)


def test_a_file_of_an_earlier_release_that_names_a_notebook_is_pushed_as_a_script(
    prompt: Prompt,
) -> None:
    """The script once went out with the kernel_type of the file as it was before the build."""
    prompt.build("init", "--owner", "ada")
    path = prompt.root / "kernel-metadata.json"
    tracked = path.read_text()
    old = {"kernel_type": "notebook", "code_file": "build/kernel.ipynb"}
    path.write_text(json.dumps({**json.loads(tracked), **old}))
    assert "it names the script again" in prompt.build("push", "--allow-dirty")
    ((version,),) = prompt.server.versions.values()
    assert version.request["kernelType"] == "script"
    assert path.read_text() == tracked


def test_ctrl_c_leaves_the_kernel_running(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    version = prompt.server.push("ada/kernelpress-gan-challenge", "x")
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
    assert "to resume: python build.py watch kernelpress-gan-challenge/1" in out
    assert version.status == "RUNNING"


def test_sweep_pushes_all_combinations(prompt: Prompt) -> None:
    prompt.build("init", "--owner", "ada")
    words = ("--recipe", "pixel,first-seed", "--set", "lr=1e-4,2e-4", "--allow-dirty")
    table = prompt.build("sweep", *words)
    refs = [f"ada/kernelpress-gan-challenge-{name}" for name in ("pixel", "first-seed")]
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


def test_sigterm_leaves_the_kernel_running_too(prompt: Prompt) -> None:
    """Once it ended without a word, with the code of a process that was killed."""
    prompt.build("init", "--owner", "ada")
    version = prompt.server.push("ada/kernelpress-gan-challenge", "x")
    version.statuses = ["RUNNING"]
    with prompt.start(sys.executable, "build.py", "watch", "1") as process:
        end = time.monotonic() + 600
        while not prompt.server.count("GetKernelSessionStatus") and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (143, "terminated: the same command goes on from here\n")
    assert version.status == "RUNNING"
