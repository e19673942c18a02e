"""Files that hold no weights of Inception-V3: refused by content, before anything was decoded."""

import itertools
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import build
from lib.commands.kernel_build import build_kernel
from lib.commands.kernel_options import check_weights
from lib.kernel.metrics.inception import load_inception
from lib.kernel.metrics.weights_kind import refuse_wrong_kind
from lib.kernel.recipes.table import make_config
from tests.local_runs import QUICK, RECIPES, ROOT, UNCURATED, call, copy_sources, write_input


class Trap:
    """An object whose unpickling would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of seeded weights, in half precision."""
    network = load_inception(None, 3, torch.device("cpu"))
    path = tmp_path_factory.mktemp("weights") / "right.pth"
    state = network.state_dict().items()
    torch.save(
        {key: value.half() if value.is_floating_point() else value for key, value in state}, path
    )
    return path


def write_zip(path: Path, _: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inception/weights.pth", b"within")


WRONG: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "nothing": (lambda path, _: None, "no such file"),
    "empty": (lambda path, _: path.write_bytes(b""), "an empty file"),
    "folder": (lambda path, _: path.mkdir(), "a folder"),
    "pipe": (lambda path, _: os.mkfifo(path), "a named pipe"),
    "page": (lambda path, _: path.write_text("\n<!DOCTYPE html>\n<html>"), "a web page"),
    "pointer": (
        lambda path, _: path.write_text("version https://git-lfs.github.com/spec/v1\nsize 3\n"),
        "a pointer of Git LFS",
    ),
    "zip": (write_zip, "an ordinary zip of inception/weights.pth"),
    "text": (lambda path, _: path.write_text("{}"), "begins with b'{}'"),
    "cut": (lambda path, right: path.write_bytes(right.read_bytes()[:-5000]), "cut short"),
    "other": (
        lambda path, _: torch.save(torch.nn.Linear(3, 3).state_dict(), path),
        "470 keys are missing",
    ),
    "numbered": (lambda path, _: torch.save({0: torch.zeros(1)}, path), "no state dict"),
    "model": (lambda path, _: torch.save(torch.nn.Linear(3, 3), path), "would call torch.nn"),
    "code": (
        lambda path, _: torch.save({"a": Trap(path.with_name("sprung"))}, path),
        "would call posix.mkdir",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_files_are_told_by_content(
    tmp_path: Path, right: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the command line already: build, push and run read their options in one way."""
    write, words = WRONG[kind]
    path = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    write(path, right)
    built = (ROOT / "build" / "kernel.py").exists()
    assert build.main(["build", "--weights", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert len(told.err.splitlines()) == 2
    assert "report it" not in told.err
    assert not (tmp_path / "sprung").exists()
    assert (ROOT / "build" / "kernel.py").exists() == built


def test_right_ones_are_accepted(tmp_path: Path, right: Path) -> None:
    refuse_wrong_kind(right)
    check_weights(right)
    old = tmp_path / "old.pth"  # torch's format before 1.6
    torch.save(torch.load(right), old, _use_new_zipfile_serialization=False)
    check_weights(old)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sources and some shards."""
    place = tmp_path_factory.mktemp("place")
    copy_sources(place / "sources")
    write_input(place / "input")
    return place


def test_a_command_refused_for_its_weights_goes_on_with_right_ones(
    place: Path, right: Path
) -> None:
    """The very same command: only the file's content changes."""
    weights, output = place / "mine.pth", place / "refused" / "out"
    words = ["run", "--input", str(place / "input"), "--output", str(output)]
    words += ["--recipe", QUICK, "--weights", str(weights), "--set", "samples=4"]
    words += [word for text in RECIPES[QUICK] for word in ("--set", text)] + UNCURATED
    write_zip(weights, right)
    refused = call(place / "sources", "build.py", *words)
    assert refused.returncode == 2
    assert "an ordinary zip" in refused.stderr
    assert not output.parent.exists()
    shutil.copy(right, weights)
    ended = call(place / "sources", "build.py", *words)
    assert ended.returncode == 0, ended.stderr
    assert (output / "submission.csv").exists()


def test_a_kernel_refuses_its_weights_before_decoding(place: Path, right: Path) -> None:
    """As on Kaggle, where a data set holds the file; the folder then waits for the right one."""
    overrides = {"steps": 6, "batch": 4, "width": 16, "depth": 1, "pool": 16, "samples": 12}
    config = make_config("pixel", {**overrides, "weights_file": "w.pth", "weights_sha256": ""})
    kernel = build_kernel(place / "sources", config).path
    output, weights = place / "kernel" / "out", place / "kernel" / "w.pth"
    weights.parent.mkdir()
    folders = {"KERNEL_INPUT": str(place / "input"), "KERNEL_OUTPUT": str(output)}
    environment = {**folders, "KERNEL_WEIGHTS": str(weights)}
    scratch = output.with_name("out.scratch")
    for kind in ("other", "cut"):
        WRONG[kind][0](weights, right)
        refused = call(place, "-I", str(kernel), **environment)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 2
        assert WRONG[kind][1] in refused.stderr
        assert "dataset" not in refused.stdout
        assert sorted(path.name for path in scratch.rglob("*")) == ["lock"]
        assert not output.exists()
    shutil.copy(right, weights)
    command = [sys.executable, "-I", str(kernel)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, **environment}, text=True, **pipes) as again:
        assert again.stdout is not None
        told = list(
            itertools.takewhile(lambda line: not line.startswith("decode: done"), again.stdout)
        )
        again.kill()
    assert any(line.startswith("dataset") for line in told), told
    assert (scratch / "identity.json").exists()
