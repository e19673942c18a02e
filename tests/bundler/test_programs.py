"""Small programs of every kind: each bundle does what its program does, or the build says what not.

The tables stand in the folder `programs`. Names with `fault_`, `silence_` and `missing_` are of
what once failed, by its number; the others are relatives of these.
"""

import sys
from pathlib import Path

import pytest

from tests.bundler.small_programs import TABLES, Program, find_faults, read_table, try_program

PROGRAMS = [
    pytest.param(program, id=f"{path.stem}-{program.name}")
    for path in sorted(TABLES.glob("*.txt"))
    for program in read_table(path)
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_bundle_behaves_as_its_program_or_the_build_says_so(
    program: Program, tmp_path: Path
) -> None:
    assert find_faults(program, try_program(program, tmp_path)) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = " + " + ".join(["1"] * 600),
        "def f(n):\n    if n == -1: return 0\n"
        + "".join(f"    elif n == {i}: return {i}\n" for i in range(400))
        + "x = f(399)",
        "x = " + "-" * 90 + "1",
        "x = len([" + "1," * 50_000 + "])",
        f"x = len({'y' * 100_000!r})",
        "x = 'a'" + ".upper()" * 90,
        "import os\nx = " + " + ".join(["os.sep"] * 500),
        "import os\nX = os.path.join(__file__" + ", 'a'" * 300 + ")\nx = 1",
    ],
    ids=["terms", "elifs", "signs", "items", "text", "calls", "names", "parts"],
)
def test_fault_4_long_and_deep_code(text: str, tmp_path: Path) -> None:
    files = {"entry.py": "import m\nprint(m.x)\n", "m.py": f"{text}\n"}
    program = Program("long", {}, files)
    assert find_faults(program, try_program(program, tmp_path)) == []


def test_fault_8_output_is_no_input(tmp_path: Path) -> None:
    """Once a module of the program, a folder, or package data was overwritten."""
    files = {"entry.py": "import m, pk\n", "m.py": "", "pk/__init__.py": "", "pk/a.txt": "A"}
    for output in ("m.py", "pk", "pk/a.txt", "entry.py", "pk/a.py/o.py"):
        keys = {"options": [f"-o {output}"], "refused": ["(?s)cure: "]}
        program = Program("output", keys, files)
        home = tmp_path / output.replace("/", "_")
        if output == "pk/a.py/o.py":
            program.files["pk/a.py"] = ""
        assert find_faults(program, try_program(program, home)) == []
        left = {
            path.relative_to(home / "source").as_posix(): path.read_text()
            for path in (home / "source").rglob("*")
            if path.is_file()
        }
        assert left == program.files


def test_silence_5_credentials_are_refused_and_may_be_left_out(tmp_path: Path) -> None:
    key = '{"username": "somebody", "key": "' + "0123456789abcdef" * 2 + '"}'
    files = {"entry.py": "import pk\n", "pk/__init__.py": "", "pk/kaggle.json": key}
    refused = Program("key", {"refused": [r"pk/kaggle\.json:1: .*credential|key"]}, files)
    assert find_faults(refused, try_program(refused, tmp_path / "1")) == []
    left_out = Program("key", {"options": ["--exclude pk/kaggle.json"]}, files)
    assert find_faults(left_out, try_program(left_out, tmp_path / "2")) == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads the newer syntax")
def test_syntax_of_a_newer_python(tmp_path: Path) -> None:
    """An error where every run imports it; elsewhere it stays, and is told."""
    new = "type Pair = tuple[int, int]\n\ndef first[T](items: list[T]) -> T:\n    return items[0]\n"
    files = {"entry.py": "import new\n", "new.py": new}
    certain = Program("new", {"refused": [r"new\.py:1: .*newer Python"]}, files)
    assert find_faults(certain, try_program(certain, tmp_path / "1")) == []
    files = {"entry.py": "def f():\n    import new\nprint(1)\n", "new.py": new}
    doubtful = Program("new", {"told": [r"new\.py:0: is taken as it is"]}, files)
    assert find_faults(doubtful, try_program(doubtful, tmp_path / "2")) == []


def test_linked_files_and_a_linked_entry(tmp_path: Path) -> None:
    """Links are followed, as Python follows them: beside the entry's own file."""
    own, other = tmp_path / "source", tmp_path / "elsewhere"
    for folder in (own, other):
        folder.mkdir()
    (other / "real.py").write_text("X = 'linked'\n")
    (other / "real.txt").write_text("text")
    (own / "link.py").symlink_to(other / "real.py")
    (own / "pk").symlink_to(other)
    (own / "link.txt").symlink_to(other / "real.txt")
    text = "import link, pk.real\nfrom pathlib import Path\n"
    text += "print(link.X, pk.real.X, (Path(__file__).parent / 'link.txt').read_text())\n"
    program = Program("links", {}, {"entry.py": text})
    assert find_faults(program, try_program(program, tmp_path)) == []
