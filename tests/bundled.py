"""A case of tests/bundles -> what it prints by itself, and what its bundle prints elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.bundler.bundle import Bundle, build_bundle, write_bundle
from lib.bundler.entry import Entry

CASES = Path(__file__).with_name("bundles")


@dataclass(frozen=True)
class Outcome:
    """What a run left behind, with the run's own folder written as ROOT."""

    stdout: str
    stderr: str
    exit_code: int


def bound_by_permissions() -> tuple[str, ...]:
    """The words before a command that make a folder's permissions count; skips where none do.

    Root may write and read anything; without its capabilities it is an owner like others.
    """
    if os.getuid() != 0:
        return ()
    words = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    if shutil.which(words[0]) is None:
        pytest.skip("root ignores permissions, and there is no setpriv to take its rights away")
    done = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"root ignores permissions, and setpriv says: {done.stderr.strip()}")
    return words


@dataclass(frozen=True)
class Place:
    """Where a case is run twice: its sources in one folder, its bundle alone in another."""

    home: Path
    case: str
    python: str = sys.executable
    limit_s: float = 300

    @property
    def plain(self) -> Path:
        return self.home / "plain"

    @property
    def empty(self) -> Path:
        return self.home / "empty"

    def copy_sources(self) -> None:
        shutil.copytree(CASES / self.case, self.plain, ignore=shutil.ignore_patterns("__pycache__"))

    def run_plain(self, *words: str, flags: tuple[str, ...] = ()) -> Outcome:
        return self.run(self.plain, self.plain / "entry.py", words, flags)

    def bundle(self, style: str = "code", include: tuple[str, ...] = ()) -> Bundle:
        """Builds empty/entry.py and takes the sources away."""
        entry = Entry(
            (self.plain / "entry.py").read_bytes(), "entry.py", self.plain, include, style
        )
        bundle = build_bundle(entry)
        write_bundle(
            bundle.text, bundle.manifest, self.empty / "entry.py", self.home / "entry.manifest.json"
        )
        self.plain.rename(self.home / "moved away")
        return bundle

    def run_bundle(
        self, *words: str, flags: tuple[str, ...] = (), prefix: tuple[str, ...] = ()
    ) -> Outcome:
        return self.run(self.empty, self.empty / "entry.py", words, flags, prefix)

    def run(
        self,
        folder: Path,
        script: Path,
        words: tuple[str, ...],
        flags: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
    ) -> Outcome:
        """Runs a script in a folder, with a temporary folder and no PYTHON* of ours."""
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        more = {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*prefix, self.python, *flags, str(script), *words],
            cwd=folder,
            env={**kept, **more},
            capture_output=True,
            text=True,
            timeout=self.limit_s,
            check=False,
        )
        unpacked = re.escape(str(temporary)) + r"/entry-[0-9a-f]{16}-\d+"
        texts = [
            re.sub(unpacked, "ROOT", text).replace(str(folder), "ROOT")
            for text in (done.stdout, done.stderr)
        ]
        return Outcome(*texts, done.returncode)
