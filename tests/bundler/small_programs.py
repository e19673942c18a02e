"""A table of small programs -> each run where it lies, and its bundle run alone elsewhere."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lib.base.errors import InputError
from lib.commands.bundling.bundle import BUNDLE
from lib.commands.options import parse_and_run

TABLES = Path(__file__).with_name("programs")
_HEAD = re.compile(r"^#{8} (\w+)$", re.MULTILINE)
_FILE = re.compile(r"^==== (\S+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """One program of a table.

    It begins with `######## NAME`; lines `#: KEY: VALUE` follow, then `==== PATH` above the text
    of each file. Keys: entry ("entry.py" unless given, or "-m NAME"), options, words (of the run),
    flags (of Python), PYTHONPATH (of the plain run), told (a pattern for one difference; several),
    refused (a pattern for the error), differs (why the bundle's outcome is another one).
    """

    name: str
    keys: dict[str, list[str]]
    files: dict[str, str]

    def get(self, key: str, default: str = "") -> str:
        """Give the only value of a key."""
        return self.keys.get(key, [default])[0]

    def words(self, key: str) -> list[str]:
        """Give the words of a key's only value."""
        return shlex.split(self.get(key))

    @property
    def module(self) -> str:
        """The dotted name, where it runs as `python -m` does."""
        entry = self.get("entry")
        return entry.removeprefix("-m ") if entry.startswith("-m ") else ""

    @property
    def folder(self) -> str:
        """The working folder, from the program's root."""
        return "" if self.module else os.path.dirname(self.get("entry", "entry.py"))


@dataclass
class Tried:
    """What became of a program."""

    plain: "tuple[int, str, str] | None" = None  # exit code, stdout, stderr
    bundle: "tuple[int, str, str] | None" = None
    refused: str = ""
    told: list[str] = field(default_factory=list)


def read_table(path: Path) -> Iterator[Program]:
    """A file of programs -> the programs."""
    parts = _HEAD.split(path.read_text(encoding="utf-8"))
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        head, *rest = _FILE.split(body)
        keys: dict[str, list[str]] = {}
        for line in head.strip().splitlines():
            key, _, value = line.removeprefix("#: ").partition(": ")
            keys.setdefault(key, []).append(value)
        files = dict(zip(rest[::2], rest[1::2], strict=True))
        yield Program(name, keys, {path: text.rstrip("\n") + "\n" for path, text in files.items()})


def try_program(program: Program, home: Path) -> Tried:
    """Write a program below `home`, run it, bundle it, move it away, and run the bundle."""
    source, empty = home / "source", home / "empty"
    for path, text in program.files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text, encoding="utf-8")
    here, there = source / program.folder, empty / program.folder
    entry = program.get("entry", "entry.py")
    words = ["-m", program.module] if program.module else [os.path.basename(entry)]
    tried, output = Tried(), there / f"{Path(program.module or entry).stem}.py"
    if "refused" not in program.keys:
        paths = {"PYTHONPATH": program.get("PYTHONPATH")} if "PYTHONPATH" in program.keys else {}
        tried.plain = _run(program, words, here, home, source, paths)
    before, shown = Path.cwd(), sorted(source.rglob("*"))
    os.chdir(here)
    try:
        parse_and_run(BUNDLE, [*words, "-o", str(output), *program.words("options")])
    except InputError as error:
        tried.refused = str(error)
        return tried
    finally:
        os.chdir(before)
    assert sorted(source.rglob("*")) == shown, "bundling changed the program's folder"
    manifest = output.with_suffix(".manifest.json")
    for one in json.loads(manifest.read_text())["differences"]:
        place = f"{one['path']}:{one['line']}"
        tried.told.append(f"{place}: {one['what']}; cure: {one['cure']}")
    manifest.unlink()
    away = home / "away"
    source.rename(away)
    tried.bundle = _run(program, [output.name], there, home, empty, {})
    shutil.rmtree(away)
    return tried


def _run(
    program: Program, words: list[str], folder: Path, home: Path, root: Path, more: dict[str, str]
) -> tuple[int, str, str]:
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    own = {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *shlex.split(program.get("flags", "-S")), *words, *program.words("words")],
        cwd=folder,
        env={**kept, **own, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    unpacked = re.escape(str(temporary)) + r"/[^/\s]+-[0-9a-f]{16}-\d+"
    texts = [
        re.sub(r"0x[0-9a-f]{8,}", "0x", re.sub(unpacked, "ROOT", text).replace(str(root), "ROOT"))
        for text in (done.stdout, done.stderr)
    ]
    return done.returncode, texts[0], texts[1]


def find_faults(program: Program, tried: Tried) -> list[str]:
    """What is not as the table says."""
    patterns = program.keys.get("told", [])
    if "refused" in program.keys or tried.refused:
        is_right = bool(tried.refused) and re.search(program.get("refused", "^$"), tried.refused)
        return [] if is_right else [f"refused {program.get('refused')!r}: {tried.refused!r}"]
    faults = []
    rest = list(tried.told)
    for pattern in patterns:
        match = next((one for one in rest if re.search(pattern, one)), None)
        if match is None:
            faults.append(f"not told: {pattern}")
        else:
            rest.remove(match)
    faults += [f"told: {one}" for one in rest]
    if (tried.plain != tried.bundle) != ("differs" in program.keys):
        faults.append(f"plain  {tried.plain}\n     bundle {tried.bundle}")
    return faults
