"""`build.py weights` typed at a prompt, beside the plain kaggle client; a run without internet."""

import json
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from lib.base.errors import InputError
from lib.base.tensor_files import write_state
from lib.commands.offline.submission_check import check_submission
from lib.commands.on_kaggle.weights_file import identify
from lib.kaggle.attach_data_set import attach_data_set
from lib.kaggle.data_set_content import read_content
from lib.kaggle.metadata import load_metadata
from lib.kaggle.metadata_fields import FILE_NAME
from lib.kaggle.push_data_set import push_data_set
from lib.kaggle.recorded_steps import fetch_and_record, watch_and_record
from lib.kaggle.submit_run import submit_and_record
from lib.kaggle.workspace import Workspace
from lib.kernel.configuration.config import Config
from tests.kaggle_place import METADATA, REF, make_script, open_place
from tests.kaggle_prompt import Prompt, open_prompt

DATA_SET = "ada/tiny-weights"


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    for prompt in open_prompt(tmp_path):
        prompt.build("init", "--owner", "ada")
        yield prompt


def write(prompt: Prompt, content: bytes = b"\0weights" * 200_000) -> str:
    path = prompt.root.parent / "tiny-weights.pth"
    path.write_bytes(content)
    return str(path)


def test_weights_are_sent_once_attached_once_and_told(prompt: Prompt) -> None:
    before = (prompt.root / FILE_NAME).read_text()
    content = b"\0weights" * 200_000
    shown = prompt.build("weights", write(prompt, content))
    assert "neither Inception weights nor a checkpoint" in shown
    assert "ada/tiny-weights version 1: BLOBS_RECEIVED" in shown
    assert "dataset_sources of kernel-metadata.json: ada/tiny-weights was added" in shown
    assert "next: python build.py push" in shown
    attached = (prompt.root / FILE_NAME).read_text()
    sources = '"dataset_sources": [\n    "ada/tiny-weights"\n  ]'
    assert attached == before.replace('"dataset_sources": []', sources)
    again = json.loads(_stdout(prompt, "weights", write(prompt), "--json"))
    assert again == {
        "ref": DATA_SET,
        "version": 1,
        "source": DATA_SET,
        "file": "tiny-weights.pth",
        "sha256": sha256(content).hexdigest(),
        "new": False,
        "attached": False,
    }
    assert (prompt.root / FILE_NAME).read_text() == attached
    assert len(prompt.server.data_sets[DATA_SET].versions) == 1
    assert "ready" in prompt.kaggle("datasets", "status", DATA_SET)


def _stdout(prompt: Prompt, *words: str) -> str:
    with prompt.start_build(*words) as process:
        out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return out


def test_plain_client_and_the_command_understand_one_another(prompt: Prompt) -> None:
    """The server is the same for both: what one makes, the other finds."""
    content = b"plain" * 1000
    folder = prompt.root.parent / "plain"
    folder.mkdir()
    about = {"id": "ada/plain-data", "title": "Plain Data", "licenses": [{"name": "CC0-1.0"}]}
    (folder / "dataset-metadata.json").write_text(json.dumps(about))
    (folder / "plain.bin").write_bytes(b"older")
    words = ("datasets", "create", "-p", str(folder))
    assert "private Dataset is being created" in prompt.kaggle(*words)
    assert "already in use" in prompt.kaggle(*words)
    assert "blobs_" in prompt.kaggle("datasets", "status", "ada/plain-data")
    (folder / "plain.bin").write_bytes(content)
    note = f"by hand {sha256(content).hexdigest()}"
    prompt.kaggle("datasets", "version", "-p", str(folder), "-m", note)
    record = prompt.server.data_sets["ada/plain-data"]
    assert [version.files for version in record.versions] == [
        {"plain.bin": b"older"},
        {"plain.bin": content},
    ]
    assert record.is_private
    shown = prompt.build("weights", str(folder / "plain.bin"), "--slug", "plain-data")
    assert "ada/plain-data version 2 is this very file: nothing new is sent" in shown
    assert len(record.versions) == 2


def test_weights_of_another_project_are_attached_there(prompt: Prompt) -> None:
    folder = prompt.root.parent / "mine"
    folder.mkdir()
    (folder / FILE_NAME).write_text(json.dumps({**METADATA, "enable_internet": False}))
    (folder / "main.py").write_text("print(1)\n")
    before = (prompt.root / FILE_NAME).read_text()
    entry = str(folder / "main.py")
    shown = prompt.build("weights", write(prompt), "--slug", "my-model", "--entry", entry)
    assert f"next: python build.py push --entry {entry}" in shown
    assert load_metadata(folder / FILE_NAME).dataset_sources == ("ada/my-model",)
    assert (prompt.root / FILE_NAME).read_text() == before
    assert [e["event"] for e in Workspace(folder).read_ledger()] == ["data_set_sending", "data_set"]
    assert not (prompt.root / "runs").exists()


@pytest.mark.parametrize(
    ("number", "call"),
    [
        (signal.SIGKILL, "PUT upload"),
        (signal.SIGKILL, "CreateDataset"),
        (signal.SIGINT, "CreateDataset"),
        (signal.SIGTERM, "PUT upload"),
    ],
    ids=str,
)
def test_killed_command_is_gone_on_with_by_the_same_one(
    prompt: Prompt, number: signal.Signals, call: str
) -> None:
    ended = threading.Event()
    take, usual = prompt.server.take_fault, prompt.server.answer
    process = prompt.start_build("weights", write(prompt))

    def kill() -> None:
        if not ended.is_set():
            os.kill(process.pid, number)
            process.wait()
            ended.set()

    def take_fault(name: str) -> object:
        if name == call == "PUT upload":
            kill()
        return take(name)

    def answer(name: str, body: dict[str, object]) -> dict[str, object]:
        made = usual(name, body)
        if name == call:
            kill()
        return made

    prompt.server.take_fault = take_fault  # type: ignore[assignment,method-assign]
    prompt.server.answer = answer  # type: ignore[method-assign]
    with process:
        process.communicate(timeout=100)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    shown = prompt.build("weights", write(prompt))
    assert "ada/tiny-weights version 1 is ready" in shown
    (version,) = prompt.server.data_sets[DATA_SET].versions
    assert version.files == {"tiny-weights.pth": b"\0weights" * 200_000}
    events = [event["event"] for event in Workspace(prompt.root).read_ledger()]
    assert events == ["data_set_sending", "data_set"]


def test_killed_command_is_looked_up_by_runs_and_watch(prompt: Prompt) -> None:
    """It was cut off before Kaggle took it; what arrives later is recorded and not sent again."""
    usual, sent = prompt.server.answer, []
    process = prompt.start_build("weights", write(prompt))

    def answer(name: str, body: dict[str, object]) -> dict[str, object]:
        if name != "CreateDataset":
            return usual(name, body)
        sent.append(body)
        process.kill()
        process.wait()
        return {}

    prompt.server.answer = answer  # type: ignore[method-assign]
    with process:
        process.communicate(timeout=100)
    prompt.server.answer = usual  # type: ignore[method-assign]
    shown = prompt.build("runs")
    assert "weights: sending ada/tiny-weights was cut off at" in shown
    assert "weights: it is not there yet, and may still come within" in shown
    (body,) = sent
    usual("CreateDataset", body)
    shown = prompt.build("watch", code=2)
    assert "weights: it arrived: version 1" in shown
    assert "the ledger knows no push" in shown, "what follows goes on as ever"
    assert "cut off" not in prompt.build("runs")
    shown = prompt.build("weights", write(prompt))
    assert "version 1 is this very file: nothing new is sent" in shown
    assert "dataset_sources of kernel-metadata.json: ada/tiny-weights was added" in shown
    assert prompt.server.count("StartBlobUpload") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("weights", "missing.pth"), "there is no such file"),
        (("weights", "."), "a folder"),
        (("weights", "LICENSE", "--slug", "A B"), "6 to 50 of a-z"),
        (("weights", "LICENSE", "-m", "two\nlines"), "one line"),
    ],
    ids=str,
)
def test_mistake_is_told_before_anything_is_sent(
    prompt: Prompt, words: tuple[str, ...], told: str
) -> None:
    assert told in prompt.build(*words, code=2)
    assert prompt.server.calls == []


def test_without_a_file_and_without_internet_the_cure_is_told(prompt: Prompt) -> None:
    prompt.environment["TORCH_HOME"] = str(prompt.root.parent / "torch")
    shown = prompt.build("weights", code=2)
    assert f"{Config().weights_file} is not here, and cannot be downloaded" in shown
    assert "python build.py weights FILE" in shown
    assert prompt.server.connects, "it tried to download them"
    prompt.server.connects.clear()


def test_each_file_is_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint_000000005.pt"
    write_state(path, {"step": 5})
    assert "a checkpoint of this project" in identify(path, "ab" * 32).what
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged checkpoint[\s\S]*the one before it"):
        identify(path, "ab" * 32)
    path = tmp_path / "my net.pth"
    torch.save({"a": torch.ones(3)}, path)
    other = identify(path, "ab" * 32)
    assert "not torchvision's Inception weights" in other.what
    assert shlex.split(other.push) == ["push", "--weights", str(path)], "it can be pasted"
    assert other.slug == "my-net"
    assert identify(path.rename(tmp_path / "net.pth"), "ab" * 32).slug == "net-weights"
    path = tmp_path / "net.pth"
    usual = identify(path, Config().weights_sha256 + "0" * 56)
    assert "as expected" in usual.what
    assert usual.name == Config().weights_file
    pointer = tmp_path / "pointer.pth"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "a pointer of Git LFS" in identify(pointer, "ab" * 32).what


WITH_WEIGHTS = """
import hashlib, os, pathlib
found = sorted(pathlib.Path(os.environ["KERNEL_INPUT"]).rglob("tiny.pth"))
shown = [path.relative_to(os.environ["KERNEL_INPUT"]).as_posix() for path in found]
print("weights:", *shown, flush=True)
assert hashlib.sha256(found[0].read_bytes()).hexdigest() == "SHA256"
"""


def test_run_without_internet_finds_the_weights_and_its_submission_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_place(tmp_path, monkeypatch) as place:
        path = place.work.root / "tiny.pth"
        path.write_bytes(b"\0weights" * 9000)
        content = read_content(path, path.name, place.session.secrets)
        place.write_metadata(enable_internet=False)
        placed = push_data_set(place.work, place.session, DATA_SET, content, "tiny")
        attach_data_set(place.work.root / FILE_NAME, placed.source)
        place.push(make_script(more=WITH_WEIGHTS.replace("SHA256", content.sha256)))
        (version,) = place.server.versions[REF]
        assert version.request.get("enableInternet", False) is False
        assert version.request["datasetDataSources"] == [DATA_SET]
        assert watch_and_record(place.work, place.session, REF, 1) == 0
        shown = "weights: datasets/ada/tiny-weights/tiny.pth tiny-weights/tiny.pth"
        assert shown in capsys.readouterr().out
        fetch_and_record(place.work, place.session, REF, 1)
        submit_and_record(place.work, place.session, REF, 1, "hello", False, check_submission)
        assert len(place.server.submissions) == 1
