"""`build.py bundle` with a notebook as its entry, and with a notebook as its output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.local_runs import ROOT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a package, from which commands are run."""
    (tmp_path / "home" / "pack").mkdir(parents=True)
    (tmp_path / "home" / "pack" / "__init__.py").write_text("def double(x):\n    return 2 * x\n")
    return tmp_path / "home"


def _write(home: Path, *cells: str, name: str = "work.ipynb") -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, home / name)


def _call(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "build.py", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_notebook_becomes_the_script_of_its_name_again_and_again(home: Path) -> None:
    """The output may lie where the script would; nor is it taken for a module the next time."""
    _write(home, "from pack import double", "print(double(4), __name__)")
    for _ in range(2):
        done = _call(home, "bundle", "work.ipynb", "-o", "work.py", "--strict")
        assert (done.returncode, done.stderr) == (0, "")
        before = (home / "work.py").read_bytes()
    assert (home / "work.py").read_bytes() == before
    (home / "pack").rename(home / "away")
    done = subprocess.run([sys.executable, "work.py"], cwd=home, capture_output=True, check=True)
    assert done.stdout == b"8 __main__\n"


def test_a_module_of_the_notebook_s_name_stays_a_module(home: Path) -> None:
    (home / "work.py").write_text("WORD = 'a module'\n")
    _write(home, "import work\nprint(work.WORD)")
    assert _call(home, "bundle", "work.ipynb", "-o", "out.py").returncode == 0
    done = _call(home, "bundle", "work.ipynb", "-o", "work.py")
    assert done.returncode == 2
    assert "would overwrite the program" in done.stderr
    (home / "work.py").unlink()
    done = subprocess.run([sys.executable, "out.py"], cwd=home, capture_output=True, check=True)
    assert done.stdout == b"a module\n"


def test_what_is_told_names_cells_and_lines(home: Path) -> None:
    (home / "conf.json").write_text("{}")
    cells = ("import os", "from pack import double\n\nopen('conf.json');", "x = double(1)\nx")
    _write(home, *cells)
    done = _call(home, "bundle", "work.ipynb", "-o", "out.py")
    assert done.returncode == 0
    told = [line.removeprefix("warning: work.ipynb: ") for line in done.stderr.splitlines()]
    assert sorted(line.partition(": ")[0] for line in told) == ["cell 2, line 3", "cell 3, line 2"]
    manifest = json.loads((home / "out.manifest.json").read_text())
    assert len(manifest["differences"]) == 2
    assert _call(home, "check", "out.py").returncode == 0
    done = _call(home, "bundle", "work.ipynb", "-o", "new.py", "--strict")
    assert done.returncode == 2
    assert not (home / "new.py").exists()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("\nimport no_such_package", "cell 2, line 2: no package no_such_package is beside"),
        ("\n\n!ls", "cell 2, line 3: `!ls` is IPython's, no Python; cure: write subprocess.run"),
        ("x = (", "cell 2, line 1: syntax error: "),
        ("from pack.nothing import x", "cell 2, line 1: there is no module pack.nothing"),
    ],
)
def test_a_fault_in_a_notebook_is_told_by_cell_and_line(home: Path, cell: str, said: str) -> None:
    _write(home, "import os", cell)
    done = _call(home, "bundle", "work.ipynb", "-o", "out.py")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: bundle: work.ipynb: {said}")
    assert not (home / "out.py").exists()


def test_a_program_becomes_a_notebook_and_files_again(home: Path) -> None:
    entry = b"from pack import double\r\nprint(double(21))"
    (home / "train.py").write_bytes(entry)
    words = ("bundle", "train.py", "--format", "notebook", "-o", "out.ipynb", "--strict")
    done = _call(home, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert _call(home, "check", "out.ipynb").returncode == 0
    assert _call(home, "unbundle", "out.ipynb", "-o", "again").returncode == 0
    assert (home / "again" / "train.py").read_bytes() == entry
    notebook = nbformat.read(home / "out.ipynb", as_version=4)
    nbformat.validate(notebook)
    (home / "empty").mkdir()
    resources = {"metadata": {"path": str(home / "empty")}}
    done = nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
    assert "".join(one.text for one in done.cells[-1].outputs) == "42\n"


def test_a_notebook_becomes_a_notebook(home: Path) -> None:
    _write(home, "from pack import double", "print(double(21))")
    words = ("bundle", "work.ipynb", "--format", "notebook", "-o", "out.ipynb")
    assert _call(home, *words).returncode == 0
    done = _call(home, *words[:-1], "work.ipynb")
    assert done.returncode == 2
    assert "would overwrite the program" in done.stderr
