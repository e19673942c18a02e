"""A bundle in a notebook: pasted as one cell, and built as a notebook of its own."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle
from lib.bundler.chapters import Chapter
from lib.bundler.entry import Entry
from lib.bundler.notebook import Story, build_notebook, write_notebook
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
    built = build_notebook(entry, Story("# What this is", "print(CHOICE)", "The end"))
    assert built == build_notebook(entry, Story("# What this is", "print(CHOICE)", "The end"))
    path = tmp_path / "empty" / "kernel.ipynb"
    write_notebook(built, path, tmp_path / "manifest.json")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(isinstance(cell["source"], str) for cell in built.content["cells"])  # for Kaggle
    sources = [cell.source for cell in notebook.cells]
    assert sources[:2] == ["# What this is", "CHOICE = 5"]
    assert sources[-4::2] == ["## Run it", "## The end"]
    for module in ("lib/work.py", "lib/state.py"):
        heading = sources.index(f"### `{module}`")
        text = (CASES / "processes" / module).read_text()
        assert sources[heading + 1] == f"%%writefile {{source}}/{module}\n{text}".rstrip("\n")
    written = sources[sources.index("### `entry.py`") + 1]
    assert built.sha256 in written
    assert "CHOICE = 5" not in written
    notebook.cells[-3].source = sources[-3].replace('entry.py")]', 'entry.py"), "spawn"]')
    done = _execute(notebook, path.parent)
    assert _printed(done.cells[-3]) == expected
    assert _printed(done.cells[-1]) == "5\n"
    assert sorted(path.parent.iterdir()) == [path]  # what lies there Kaggle would keep
    assert json.loads((tmp_path / "manifest.json").read_text())["sha256"] == built.sha256


def test_values_edited_in_the_second_cell_reach_the_run_and_its_processes(tmp_path: Path) -> None:
    """Also at a second run of the run cell alone, within the same second, after a file changed."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "inner.py").write_text("WORD = 'old'\n")
    text = """# Says its values.
import multiprocessing
from pack.inner import WORD

def tell(_):
    return CHOICE, OTHER

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(WORD, tell(0), pool.map(tell, [0])[0])
"""
    preface = (
        "# Edit these.\nCHOICE = {'seed': 5, 'rate': 1e-4}  # a comment\nOTHER = ('a', None)\n"
    )
    built = build_notebook(Entry(text, "entry.py", tmp_path, preface=preface))
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    assert notebook.cells[1].source == preface.strip()
    notebook.cells[1].source = preface.replace("5", "6")
    run = notebook.cells[-1].source
    change = "CHOICE['seed'] = 7\nopen(source + '/pack/inner.py', 'w').write('WORD = 1')"
    notebook.cells += [nbformat.v4.new_code_cell(one) for one in (run, change, run)]
    (tmp_path / "empty").mkdir()
    said = [_printed(cell) for cell in _execute(notebook, tmp_path / "empty").cells[-4:]]
    values = [({"seed": seed, "rate": 1e-4}, ("a", None)) for seed in (6, 7)]
    first, second = (f"{value} {value}\n" for value in values)
    assert said == [f"old {first}", f"old {first}", "", f"1 {second}"]


def test_a_preface_that_does_more_than_assign_stays_in_the_entry(tmp_path: Path) -> None:
    preface = "import math\nCHOICE = math.pi\n"
    built = build_notebook(Entry("print(CHOICE)\n", "entry.py", tmp_path, preface=preface))
    sources = [cell["source"] for cell in built.content["cells"]]
    assert preface in sources[-3]
    assert sum("CHOICE" in source for source in sources) == 1
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    assert _printed(_execute(notebook, tmp_path).cells[-1]) == "3.141592653589793\n"


def test_chapters_are_headings_and_every_file_stands_in_one() -> None:
    chapters = (Chapter("The run", ("entry.py",)), Chapter("The rest", ("lib/*",)))
    entry = dataclasses.replace(_make_entry("processes"), chapters=chapters)
    sources = [cell["source"] for cell in build_notebook(entry).content["cells"]]
    heads = [source.split("\n")[0] for source in sources if source.startswith("##")]
    files = [f"### `{one['path']}`" for one in build_bundle(entry).manifest["inputs"]]
    assert heads[:3] == ["## 1. The run", "### `entry.py`", "## 2. The rest"]
    assert sorted(head for head in heads if head.startswith("###")) == sorted(files)


def test_notebook_writes_data_and_fails_where_the_script_does(tmp_path: Path) -> None:
    """The cell's error is the run's; a data file that is no text arrives whole."""
    built = build_notebook(_make_entry("data"))
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    check = (
        "import hashlib\n"
        "with open(f'{source}/lib/inner/blob.bin', 'rb') as file:\n"
        "    print(hashlib.sha256(file.read()).hexdigest())"
    )
    fails = "import runpy; runpy.run_path(f'{source}/fails.py', run_name='__main__')"
    notebook.cells[-1:] = [
        nbformat.v4.new_code_cell(check),
        nbformat.v4.new_code_cell("%%writefile {source}/fails.py\nimport sys; sys.exit(3)"),
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
        build_notebook(dataclasses.replace(entry, limit=900_000))
