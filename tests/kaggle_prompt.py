"""A copy of the repository -> a prompt at which commands are typed, and a Kaggle they reach."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import make_outputs
from tests.kaggle_server import KaggleServer, make_environment
from tests.kaggle_state import KEY, Version

SOURCE = Path(__file__).resolve().parents[1]
PARTS = (
    *("lib", "kernel_template", "build.py", "kernel-metadata.json", "requirements.txt"),
    "LICENSE",
)


class Prompt:
    """A copy of the repository, committed, and a Kaggle that its commands reach."""

    def __init__(self, folder: Path, server: KaggleServer | None = None) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        for name in PARTS:
            source, target = SOURCE / name, self.root / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
        self.server = server or KaggleServer(folder / "kaggle")
        if server is None:
            self.server.play = self._play
            self.server.pending_polls = 0
        kept = {
            name: os.environ[name]
            for name in ("PATH", "LANG", "OMP_NUM_THREADS")
            if name in os.environ
        }
        wide = {"COLUMNS": "200"}  # room for every column of a table
        self.environment = {**kept, **wide, **make_environment(self.server, folder)}

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
            out, errors = process.communicate(timeout=600)
        shown = out + errors
        assert process.returncode == code, shown
        assert KEY not in shown
        assert SIGNATURE not in shown
        assert "Traceback" not in shown
        return shown

    def start_build(self, *words: str) -> "subprocess.Popen[str]":
        return self.start(sys.executable, "build.py", *words)

    def build(self, *words: str, code: int = 0) -> str:
        return self.type(sys.executable, "build.py", *words, code=code)

    def kaggle(self, *words: str) -> str:
        return self.type(str(Path(sys.executable).with_name("kaggle")), *words)

    def commit(self) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "all"]):
            subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True)

    def _play(self, version: Version) -> None:
        own = (
            r'sha256(?:[^:\n]*: | = \\")([0-9a-f]{64})'  # in a script's head, in a notebook's JSON
        )
        bundle = re.search(own, version.request["text"])
        version.statuses = ["COMPLETE"]
        version.outputs = make_outputs(bundle[1] if bundle else "")
        version.events = [{"stream_name": "stdout", "time": 66.0, "data": "all done\n"}]


def open_prompt(folder: Path) -> Iterator[Prompt]:
    """An empty folder -> a Prompt, for a fixture to yield from."""
    prompt = Prompt(folder)
    yield prompt
    prompt.server.close()
    assert not prompt.server.connects, "something tried to leave the machine"
