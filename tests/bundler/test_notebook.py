"""A bundle in a notebook: pasted as one cell, and built as a notebook of its own."""

import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import Entry, build_bundle
from lib.bundler.notebook import build_notebook, write_notebook
from tests.bundled import CASES, Place


def _run_cells(cells: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Sources of code cells -> the cells with their outputs, run in one kernel in `folder`."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in cells]
    return _execute(notebook, folder).cells


def _execute(notebook: Any, folder: Path) -> Any:
    resources = {"metadata": {"path": str(folder)}}
    return nbclient.NotebookClient(notebook, timeout=240, resources=resources).execute()


def _printed(cell: Any) -> str:
    return "".join(one["text"] for one in cell.outputs if one.get("name") == "stdout")


def _make_entry(case: str, preface: str = "") -> Entry:
    text = (CASES / case / "entry.py").read_bytes()
    return Entry(text, "entry.py", CASES / case, preface=preface)


def test_pasted_cell_prints_what_the_script_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three scripts in one kernel, each run twice: spawned workers, module state, data files."""
    runs = [("processes", "spawn"), ("state", ""), ("data", "")]
    expected, cells = [], []
    for case, word in runs:
        place = Place(tmp_path / case, case)
        place.copy_sources()
        expected += [place.run_plain(*word.split()).stdout] * 2
        script = build_bundle(_make_entry(case)).text
        cells += [f"import sys; sys.argv = {['entry.py', *word.split()]!r}", script, script]
    done = _run_cells(cells, tmp_path / "notebook", monkeypatch)
    assert [_printed(cell) for cell in done if len(cell.source) > 100] == expected


def test_notebook_of_modules_is_valid_and_runs(tmp_path: Path) -> None:
    place = Place(tmp_path, "processes")
    place.copy_sources()
    expected = place.run_plain("spawn").stdout
    entry = _make_entry("processes", preface="CHOICE = 5\n")
    built = build_notebook(entry)
    assert built == build_notebook(entry)
    path = tmp_path / "empty" / "kernel.ipynb"
    write_notebook(built, path, tmp_path / "manifest.json")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    sources = [cell.source for cell in notebook.cells]
    for module in ("lib/work.py", "lib/state.py"):
        heading = sources.index(f"## {module}")
        text = (CASES / "processes" / module).read_text()
        assert sources[heading + 1] == f"%%writefile source/{module}\n{text}".rstrip("\n")
    assert "CHOICE = 5" in sources[-2]
    assert built.sha256 in sources[-2]
    notebook.cells[-1].source = sources[-1].replace('entry.py"]', 'entry.py", "spawn"]')
    done = _execute(notebook, path.parent)
    assert _printed(done.cells[-1]) == expected
    assert json.loads((tmp_path / "manifest.json").read_text())["sha256"] == built.sha256


def test_notebook_writes_data_and_fails_where_the_script_does(tmp_path: Path) -> None:
    """The cell's error is the run's; a data file that is no text arrives whole."""
    built = build_notebook(_make_entry("data"))
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    check = (
        "import hashlib\n"
        "with open('source/lib/inner/blob.bin', 'rb') as file:\n"
        "    print(hashlib.sha256(file.read()).hexdigest())"
    )
    fails = "import runpy; runpy.run_path('source/fails.py', run_name='__main__')"
    notebook.cells[-1:] = [
        nbformat.v4.new_code_cell(check),
        nbformat.v4.new_code_cell("%%writefile source/fails.py\nimport sys; sys.exit(3)"),
        nbformat.v4.new_code_cell(fails),
    ]
    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"SystemExit.* 3"):
        _execute(notebook, tmp_path)
    inputs = {one["path"]: one["sha256"] for one in built.manifest["inputs"]}
    assert _printed(notebook.cells[-3]).strip() == inputs["lib/inner/blob.bin"]


def test_notebook_over_the_limit_names_its_largest_modules(tmp_path: Path) -> None:
    """JSON escapes what a script holds as it is: the script still fits, the notebook does not."""
    (tmp_path / "lib").mkdir()
    for name, lines in (("a", 9000), ("b", 500)):
        (tmp_path / "lib" / f"{name}.py").write_text(("#" + '"' * 80 + "\n") * lines)
    entry = Entry("from lib import a, b\n", "entry.py", tmp_path)
    assert build_bundle(entry).manifest["bytes"] < 900_000
    with pytest.raises(InputError, match=r"notebook has 1,.*the largest: lib/a\.py 738,000, lib/b"):
        build_notebook(entry)
