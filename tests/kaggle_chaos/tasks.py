"""The commands of the loop that are killed: the words of each, and the files that they need.

A program of a project of its own is pushed, fetched and submitted, for its bundle is quick to make;
the sweep is of the repository's kernel.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from lib.base.files import sha256_bytes
from tests.kaggle_chaos.kills import WINDOW_S
from tests.kaggle_place import METADATA, make_outputs
from tests.kaggle_prompt import Prompt
from tests.kaggle_state import Version

PROJECT, REF = "mine", "ada/tiny-project"
DATA_SET = "ada/chaos-model"
_ENTRY = ("--entry", f"{PROJECT}/main.py")
_TABLE = f"[tool.kernelpress]\nsettle_seconds = {WINDOW_S}\n"


@dataclass(frozen=True)
class Task:
    """A command, as it is typed in a round whose number stands for {round}."""

    words: tuple[str, ...]
    calls: int  # about as many as it makes
    effects: tuple[str, ...] = ()  # the calls that must take effect once; (): it only asks


_SUBMIT = ("submit", *_ENTRY, "-m", "round {round}")
_SWEEP = ("--allow-dirty", "--recipe", "pixel", "--set", "seed={round}1,{round}2")
TASKS = {
    "push": Task(("push", *_ENTRY, "--allow-dirty"), 4, ("SaveKernel",)),
    "fetch": Task(("fetch", *_ENTRY), 7),
    "submit": Task(_SUBMIT, 9, ("CreateSubmission",)),
    "submit --kernel": Task((*_SUBMIT, "--kernel"), 7, ("CreateCodeSubmission",)),
    "weights": Task(
        ("weights", f"{PROJECT}/model.bin", "--slug", DATA_SET.split("/")[1]),
        8,
        ("CreateDataset", "CreateDatasetVersion"),
    ),
    "sweep": Task(("sweep", *_SWEEP), 16, ("SaveKernel",)),
}
# The commands of a round, in turn. A sweep builds two kernels, which takes its time.
ROUNDS = (
    ("push", "fetch", "submit", "weights"),
    ("push", "fetch", "submit --kernel", "weights"),
    ("push", "submit", "weights"),
    ("push", "fetch", "submit"),
    ("sweep",),
)


def write_project(prompt: Prompt) -> None:
    """Put the project below the repository's copy, and the loop's window into both."""
    folder = prompt.root / PROJECT
    folder.mkdir()
    title = {"id": REF, "title": "Tiny Project", "code_file": "build/main.py"}
    (folder / "kernel-metadata.json").write_text(json.dumps({**METADATA, **title}))
    for root in (prompt.root, folder):
        (root / "pyproject.toml").write_text(_TABLE)


def write_round(prompt: Prompt, number: int) -> bytes:
    """Write the program and the weights of a round, unlike all others'; return the weights."""
    folder = prompt.root / PROJECT
    (folder / "main.py").write_text(f"print('round', {number})\n")
    model = f"weights of round {number}\n".encode() * 100
    (folder / "model.bin").write_bytes(model)
    return model


def play(version: Version) -> None:
    """A new version -> ended at once, with outputs that no other version has."""
    digest = sha256_bytes(version.request["text"].encode())
    version.statuses = ["COMPLETE"]
    version.events = [{"stream_name": "stdout", "time": 66.0, "data": "all done\n"}]
    if version.ref == REF:
        csv = f"id,x\na,{int(digest[:6], 16)}\nb,2\n".encode()
        version.outputs = {"submission.csv": csv, "metrics.json": b'{"loss": 0.5}'}
    else:
        version.outputs = make_outputs(_read_bundle(version.request["text"]))


def _read_bundle(text: str) -> str:
    """A built kernel -> the hash in its head."""
    line = next(line for line in text.splitlines() if line.startswith("# content sha256"))
    return line.rsplit(" ", 1)[-1]


def read_folder(place: Path) -> dict[str, bytes]:
    """A fetched folder -> its files but the log."""
    paths = (path for path in place.rglob("*") if path.is_file() and path.suffix != ".log")
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in paths}
