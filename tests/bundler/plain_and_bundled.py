"""A program's files -> what it says by itself, and what its bundle says alone, on any Python."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lib.bundler.bundle import build_bundle
from lib.bundler.chapters import Arranged
from lib.bundler.entry import Entry
from lib.bundler.render import Layout, render_script
from lib.bundler.sections import make_data_section, make_module_section
from lib.bundler.sources import parse_source
from tests.interpreters import find_python

VERSIONS = ("3.11", "3.12", "3.13")
ADDRESS = "0x[0-9a-f]{6,}"
Files = dict[str, str | bytes]
_find_python = cache(find_python)


@dataclass(frozen=True)
class Outcome:
    """What a run left behind, with the folder of its files written as ROOT."""

    stdout: str
    stderr: str
    exit_code: int


@dataclass(frozen=True)
class Pair:
    """A program in one folder, its bundle alone in another one."""

    home: Path

    @property
    def plain(self) -> Path:
        return self.home / "plain"

    @property
    def alone(self) -> Path:
        return self.home / "alone"

    def write(self, files: Files) -> None:
        for name, content in files.items():
            path = self.plain / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def bundle(self, name: str = "entry.py", out: str = "", **more: Any) -> Path:
        """Builds the bundle of an entry; its name is the entry's where no other is given."""
        entry = Entry((self.plain / name).read_bytes(), name, self.plain, **more)
        script = self.alone / (out or Path(name).name)
        self.alone.mkdir(exist_ok=True)
        script.write_text(build_bundle(entry).text, encoding="utf-8")
        return script

    def render(self, name: str = "entry.py", style: str = "code", **more: Any) -> Path:
        """Renders all files of the program as the bundle of an entry, whatever it imports."""
        out = more.pop("out", Path(name).name)
        paths = sorted(path for path in self.plain.rglob("*") if path.is_file())
        sections = {}
        for path in paths:
            shown = path.relative_to(self.plain).as_posix()
            if path.suffix == ".py":
                source = parse_source(shown, path.read_bytes(), shown)
                sections[shown] = make_module_section(source, "as text" * (style == "text"))
            else:
                sections[shown] = make_data_section(shown, path.read_bytes())
        entry = sections.pop(name)
        files = (*sections.values(), entry)
        chapter = Arranged("", "", tuple(one.path for one in files))
        disk = "style disk was asked for" * (style == "disk")
        words = {"head": "", "preface": "", "disk": disk, **more}
        layout = Layout(name=name, files=files, chapters=(chapter,), **words)
        script = self.alone / out
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(render_script(layout)[0], encoding="utf-8")
        return script

    def run(
        self, version: str, script: Path, *words: str, flags: tuple[str, ...] = (), **more: Any
    ) -> Outcome:
        """Runs a script in its own folder, while the program's own files are elsewhere."""
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        kept |= {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
        kept |= more.pop("env", {})
        folder = more.pop("cwd", script.parent)
        away = self.home / "away"
        is_plain = self.plain in script.parents
        if not is_plain:
            self.plain.rename(away)
        try:
            done = subprocess.run(
                [_find_python(version), *flags, str(script), *words],
                cwd=folder,
                env=kept,
                capture_output=True,
                timeout=30,
                check=False,
                **more,
            )
        finally:
            if not is_plain:
                away.rename(self.plain)
        root = self.plain if is_plain else self.alone
        texts = [part.decode("utf-8", "replace") for part in (done.stdout, done.stderr)]
        unpacked = rf"{re.escape(str(temporary))}/[^/\s]+-[0-9a-f]{{16}}-\d+"
        for found, shown in ((unpacked, "ROOT"), (re.escape(str(root)), "ROOT"), (ADDRESS, "0x")):
            texts = [re.sub(found, shown, text) for text in texts]
        return Outcome(*texts, done.returncode)

    def run_plain(self, version: str, *words: str, **more: Any) -> Outcome:
        return self.run(version, self.plain / more.pop("name", "entry.py"), *words, **more)


def demand_equal(
    home: Path,
    version: str,
    files: Files,
    *words: str,
    styles: tuple[str, ...] = ("code",),
    rendered: dict[str, Any] | None = None,
    **more: Any,
) -> Outcome:
    """Fail where a bundle says anything else than its program; the Outcome of both."""
    pair = Pair(home)
    shutil.rmtree(pair.plain, ignore_errors=True)
    pair.write(files)
    expected = pair.run_plain(version, *words, **more)
    for style in styles:
        script = pair.render(style=style, **(rendered or {}))
        assert pair.run(version, script, *words, **more) == expected, style
    return expected
