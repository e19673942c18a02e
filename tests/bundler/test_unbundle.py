"""A bundle, edited or not -> the files that went in, with the same edits, byte for byte."""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lib.bundler.bundle import build_bundle
from lib.bundler.entry import Entry
from lib.bundler.notebooks.notebook import build_notebook
from lib.bundler.unbundling.unbundle import unbundle
from tests.bundler.written_modules import Written, programs, say, statements

STYLES = ("code", "text", "disk")
PREFACE = "# Change this.\nCONFIG = {\n    'rate': 1,  # a factor\n}\n"
RUN = "import runpy\nrunpy.run_path('entry.py', {'CONFIG': %s}, '__main__')\n"
SLOW: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "phases": [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
}


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def bundle(folder: Path, style: str = "code", preface: str = "") -> str:
    return build_bundle(make_entry(folder, style, preface)).text


def make_entry(folder: Path, style: str = "code", preface: str = "") -> Entry:
    """entry.py of a folder, with all of pack/."""
    text = (folder / "entry.py").read_bytes()
    return Entry(text, "entry.py", folder, ("pack", "pack.*"), style, preface)


def run(folder: Path, script: str) -> str:
    """What a script prints; its temporary folder is its own."""
    (folder / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-I", "-Wignore", "-c", "import sys; sys.path.insert(0, '.')\n" + script]
        if "\n" in script
        else [sys.executable, "-Wignore", script],
        cwd=folder,
        env={"TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@settings(max_examples=80, **SLOW)
@given(programs(), st.sampled_from(STYLES))
def test_every_byte_comes_back(program: dict[str, Written], style: str) -> None:
    files = {path: each.content for path, each in program.items()}
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), files)
        text = bundle(Path(place), style, PREFACE)
    found = unbundle(text.encode(), "one.py")
    assert {each.path: each.content for each in found.files} == files
    assert not any(each.is_edited for each in found.files)
    assert (found.entry, found.preface, found.strays) == ("entry.py", PREFACE.strip(), ())


@settings(max_examples=60, **SLOW)
@given(programs(), st.integers(0, 5))
def test_a_notebook_gives_back_every_byte_and_every_edit(
    program: dict[str, Written], which: int
) -> None:
    """A line typed at the end of a file's cell is a line at the end of that file."""
    files = {path: each.content for path, each in program.items()}
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), files)
        entry = make_entry(Path(place), preface=PREFACE)
        notebook = build_notebook(entry).content
    found = unbundle(json.dumps(notebook).encode(), "one.ipynb")
    assert {each.path: each.content for each in found.files} == files
    assert not any(each.is_edited for each in found.files)
    assert (found.entry, found.preface, found.strays) == ("entry.py", PREFACE.strip(), ())
    path = sorted(files)[which]
    heading = next(n for n, one in enumerate(notebook["cells"]) if f"`{path}`" in one["source"])
    cell = notebook["cells"][heading + 1]
    typed = say("typed")
    if cell["source"].startswith("%%writefile"):
        cell["source"] = cell["source"].removesuffix("\n") + f"\n{typed}"
    elif "|" in cell["source"]:
        cell["source"] = re.sub("\n('''|\"\"\").split", rf"\n|{typed}\g<0>", cell["source"])
    else:
        return
    files[path] = program[path].put(len(program[path].chunks), typed).content
    found = unbundle(json.dumps(notebook).encode(), "one.ipynb")
    assert {each.path: each.content for each in found.files} == files
    assert [each.path for each in found.files if each.is_edited] == [path]


@pytest.mark.parametrize("style", STYLES)
def test_a_file_that_is_two_modules_stands_once(style: str, tmp_path: Path) -> None:
    files = {
        "entry.py": b"import pack.__init__, entry\nif __name__ == '__main__':\n"
        b"    print(pack is not pack.__init__, pack.__init__.SAID, entry is not None)\n",
        "pack/__init__.py": b"SAID = __name__\n",
        "pack/other.py": b"",
    }
    write(tmp_path / "plain", files)
    text = bundle(tmp_path / "plain", style)
    write(tmp_path / "alone", {"one.py": text.encode()})
    assert run(tmp_path / "alone", "one.py") == run(tmp_path / "plain", "entry.py")
    found = unbundle(text.encode(), "one.py").files
    assert sorted(each.path for each in found) == sorted(files)
    assert {each.path: each.content for each in found} == files


@dataclass(frozen=True)
class Section:
    """Where a file stands in a bundle's lines, as a reader of the page finds it."""

    first: int  # the place of the file's first line
    prefix: str  # before each of its lines


def find_section(lines: list[str], path: str) -> Section:
    banner = next(n for n, line in enumerate(lines) if line.startswith(f"# ==== {path} ="))
    opening = lines[banner + 1]
    if opening == "if 0:":
        return Section(banner + 2, "    ")
    is_quoted = opening in ("r'''", 'r"""')
    return Section(banner + 1 + is_quoted, "" if is_quoted else "#   ")


def shift(chunk: str, section: Section, is_hidden: bool = False) -> list[str]:
    """A chunk -> its lines as they are typed into a section."""
    prefix = "#   " if is_hidden else section.prefix
    return [prefix + line if line else "" for line in chunk.split("\n")]


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "delete", "change", "remark", "between"]),
        st.integers(0, 5),
        st.integers(0, 9),
        statements(),
    ),
    min_size=1,
    max_size=4,
)


def edit(
    lines: list[str], program: dict[str, Written], how: tuple[str, int, int, str]
) -> tuple[list[str], dict[str, Written]]:
    """One edit in a bundle's lines, and the same in the program that it was made of."""
    kind, which, where, chunk = how
    path = sorted(program)[which]
    module = program[path]
    section = find_section(lines, path)
    if not section.prefix and ("'''" in chunk or '"""' in chunk):
        return lines, program  # it would end the string that the file stands in
    spots = range(module.first_free, len(module.chunks) + 1)
    place = spots[where % len(spots)]
    start = section.first + module.count_lines(place)
    if kind == "between":
        top = next(n for n, line in enumerate(lines) if line.startswith(f"# ==== {path} ="))
        return [*lines[: top - 1], "", "", *lines[top - 1 :]], program
    if kind == "remark" and section.prefix == "    ":
        remark = "# a remark at the very left"
        return [*lines[:start], remark, *lines[start:]], {
            **program,
            path: module.put(place, remark),
        }
    if kind in ("delete", "change") and place < len(module.chunks) - (path == "entry.py"):
        if section.prefix == "    " and not module.take(place).has_statement:
            return lines, program  # Python takes no `if 0:` without a statement below it
        end = section.first + module.count_lines(place + 1)
        lines, module = [*lines[:start], *lines[end:]], module.take(place)
    if kind != "delete":
        lines = [*lines[:start], *shift(chunk, section), *lines[start:]]
        module = module.put(place, chunk)
    return lines, {**program, path: module}


@settings(max_examples=40, **SLOW)
@given(programs(), st.sampled_from(STYLES), EDITS, st.integers(0, 9))
def test_an_edited_bundle_runs_and_gives_back_the_edited_files(
    program: dict[str, Written],
    style: str,
    edits: list[tuple[str, int, int, str]],
    rate: int,
) -> None:
    """The same edits in the plain program are what it must print and give back."""
    with tempfile.TemporaryDirectory() as place:
        plain, alone = Path(place, "plain"), Path(place, "alone")
        write(plain, {path: each.content for path, each in program.items()})
        lines = bundle(plain, style, PREFACE).split("\n")
        lines[lines.index("    'rate': 1,  # a factor")] = f"    'rate': {rate},"
        for each in edits:
            lines, program = edit(lines, program, each)
        files = {path: each.content for path, each in program.items()}
        write(plain, files)
        write(alone, {"one.py": "\n".join(lines).encode()})
        assert run(alone, "one.py") == run(plain, RUN % {"rate": rate})
    found = unbundle("\n".join(lines).encode(), "one.py")
    assert {each.path: each.content for each in found.files} == files
    assert f"'rate': {rate}," in found.preface
