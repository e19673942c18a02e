"""An empty folder -> a repository's root, a signed-in session and a Kaggle of its own."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lib.base.files import sha256_bytes
from lib.commands.on_kaggle.open_workspace import OWN_COLUMNS
from lib.kaggle.client.late_effects import Journal
from lib.kaggle.client.save_kernel import Pushed
from lib.kaggle.client.session import KaggleSession, open_session
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.git_state import GitState
from lib.kaggle.metadata import load_metadata
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.push import Cargo, push_cargo
from lib.kaggle.workspace import Workspace
from tests.kaggle_server import KaggleServer, make_environment
from tests.kaggle_state import COMPETITION, USER, Version

SLUG = "tiny-test-kernel"
REF = f"{USER}/{SLUG}"
QUICK = Patience(
    connect_s=5,
    answer_s=5,
    attempts=4,
    pause_s=0.01,
    longest_pause_s=0.05,
    poll_s=0.01,
    longest_poll_s=0.05,
    grace_s=5,
    run_s=20,
    score_s=5,
    settle_s=0.4,
)
NO_JOURNAL = Journal(lambda known: None, lambda reason, lost: None)
METADATA = {
    "id": REF,
    "title": "Tiny Test Kernel",
    "code_file": "build/kernel.py",
    "language": "python",
    "kernel_type": "script",
    "is_private": True,
    "enable_gpu": True,
    "enable_tpu": False,
    "enable_internet": True,
    "machine_shape": "NvidiaTeslaT4",
    "competition_sources": [COMPETITION],
    "dataset_sources": [],
    "kernel_sources": [],
    "model_sources": [],
}
# A stand-in for the real kernel: the files, names and manifest of one, with integers as features.
SCRIPT = """
import hashlib, json, os, pathlib
out = pathlib.Path.cwd()
assert out == pathlib.Path(os.environ["KERNEL_OUTPUT"]), out
print("train: 10 of 20 steps, ETA 3.0 s", flush=True)
shards = sorted(pathlib.Path(os.environ["KERNEL_INPUT"]).rglob("*.jsonl"))
print(f"shards: {len(shards)} found", flush=True)
row = ",".join(str((3 * column) % 7) for column in range(2048))
lines = [f"dig-{index:06d},{row[:-1]}{index % 5}" for index in range(1000)]
header = ",".join(["id", *(f"f{column}" for column in range(2048))])
(out / "submission.csv").write_text("\\n".join([header, *lines]) + "\\n")
(out / "metrics.json").write_text(json.dumps({"fid": 12.5, "floor": 3.25, "kept": 10}))
facts = {"bundle_sha256": BUNDLE, "weights_file": "inception.pth", "weights_sha256": "ab" * 32}
files = [path for path in out.rglob("*") if path.is_file()]
digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
manifest = {**facts, "random_weights": RANDOM, "artefacts": digests}
(out / "run_manifest.json").write_text(json.dumps(manifest))
print("done", flush=True)
"""


@dataclass
class Place:
    """What a test of the loop needs."""

    server: KaggleServer
    work: Workspace
    session: KaggleSession

    @property
    def metadata(self) -> Metadata:
        return load_metadata(self.work.root / "kernel-metadata.json")

    def write_metadata(self, **changes: object) -> None:
        """Fields of kernel-metadata.json -> the file with these changes."""
        path = self.work.root / "kernel-metadata.json"
        path.write_text(json.dumps({**METADATA, **changes}))

    def make_cargo(self, text: str | None = None, recipe: str = "pixel", **config: object) -> Cargo:
        """A script, the stand-in by default -> it built, with a made-up configuration."""
        text = make_script() if text is None else text
        path = self.work.root / "build" / "kernel.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        overrides = tuple(f"{key}={value}" for key, value in config.items())
        values = {"recipe": recipe, **config}
        facts = {"recipe": recipe, "overrides": list(overrides), "config": values}
        return Cargo(path, find_bundle(text), recipe, facts, GitState("c0" * 20, ()))

    def push(self, text: str | None = None, **config: object) -> Pushed:
        """A script -> the version that it became."""
        return push_cargo(self.work, self.session, self.metadata, self.make_cargo(text, **config))

    def with_patience(self, **changes: float) -> KaggleSession:
        """Fields of Patience -> the session with these; deadlines stay as they began."""
        return replace(self.session, patience=replace(self.session.patience, **changes))


def make_script(random: bool = False, more: str = "") -> str:
    """Whether its weights are random, more lines -> the stand-in, naming its own bundle."""
    text = more + SCRIPT.replace("RANDOM", str(random))
    return text.replace("BUNDLE", repr(sha256_bytes(text.encode())))


def find_bundle(text: str) -> str:
    """A script of make_script -> the bundle's sha256 that it names; of another: its own."""
    _, found, rest = text.partition('"bundle_sha256": \'')
    return rest[:64] if found else sha256_bytes(text.encode())


def play_complete(version: Version) -> None:
    """A new version -> ended at once, without running its script."""
    version.statuses = ["COMPLETE"]
    version.outputs = {"a.txt": b"alpha" * 100}
    version.events = [{"stream_name": "stdout", "time": 90.0, "data": "hello\n"}]


@contextmanager
def open_place(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    patience: Patience = QUICK,
    kind: str = "key",
    data: Path | None = None,
) -> Iterator[Place]:
    """An empty folder -> a Place whose environment leads the real client to its own server."""
    server = KaggleServer(folder / "kaggle", data)
    try:
        for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
            monkeypatch.delenv(name)
        for name, value in make_environment(server, folder, kind).items():
            monkeypatch.setenv(name, value)
        root = folder / "root"
        root.mkdir()
        (root / "kernel-metadata.json").write_text(json.dumps(METADATA))
        with open_session(patience) as session:
            yield Place(server, Workspace(root, patience, OWN_COLUMNS), session)
        assert not server.connects, "something tried to leave the machine"
    finally:
        server.close()


def make_outputs(bundle_sha256: str) -> dict[str, bytes]:
    """A bundle's sha256 -> what a run of it leaves, without running it."""
    header = ",".join(["id", *(f"f{column}" for column in range(2048))])
    row = ",".join(str((3 * column) % 7) for column in range(2047))
    lines = [f"dig-{index:06d},{row},{index % 5}" for index in range(1000)]
    csv = "\n".join([header, *lines, ""]).encode()
    metrics = json.dumps({"fid": 12.5, "floor": 3.25}).encode()
    outputs = {"submission.csv": csv, "metrics.json": metrics}
    digests = {name: sha256_bytes(content) for name, content in outputs.items()}
    facts = {"weights_file": "inception.pth", "weights_sha256": "ab" * 32, "random_weights": False}
    manifest = {**facts, "bundle_sha256": bundle_sha256, "artefacts": digests}
    return {**outputs, "run_manifest.json": json.dumps(manifest).encode()}
