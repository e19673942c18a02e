"""A bundle in a notebook: pasted as one cell, and built as a notebook of its own."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.bundler.bundle import build_bundle
from lib.bundler.chapters import Chapter
from lib.bundler.entry import Entry
from lib.bundler.notebooks.file_cells import read_file
from lib.bundler.notebooks.notebook import Notebook, Story, build_notebook, write_notebook
from lib.bundler.notebooks.value_block import END_OF_VALUES, VALUES
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


@pytest.mark.parametrize("is_here", [True, False])
def test_notebook_of_modules_is_valid_and_runs(tmp_path: Path, is_here: bool) -> None:
    place = Place(tmp_path, "processes")
    place.copy_sources()
    expected = place.run_plain("spawn").stdout
    entry = _make_entry("processes", preface="CHOICE = 5\n")
    story = Story("# What this is", "print(CHOICE)", "The end", is_here)
    built = build_notebook(entry, story)
    assert built == build_notebook(entry, story)
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


@pytest.mark.parametrize("is_here", [True, False])
def test_values_edited_in_the_second_cell_reach_the_run_and_its_processes(
    tmp_path: Path, is_here: bool
) -> None:
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
    entry = Entry(text, "entry.py", tmp_path, preface=preface)
    built = build_notebook(entry, Story(is_here=is_here))
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
    assert build_notebook(entry).manifest["bytes"] > 900_000
    entry = dataclasses.replace(entry, limit=900_000)
    with pytest.raises(InputError, match=r"notebook has 1,.*the largest: lib/a\.py 738,000, lib/b"):
        build_notebook(entry)


@pytest.mark.parametrize("case", ["uncaught", "warns", "threads", "stdlib_names"])
def test_notebook_prints_what_the_program_does_on_both_streams(tmp_path: Path, case: str) -> None:
    place = Place(tmp_path, case)
    place.copy_sources()
    expected = place.run_plain()
    built = build_notebook(_make_entry(case))
    place.plain.rename(tmp_path / "away")
    run, error = _run_alone(built, tmp_path / "empty")
    assert _printed(run) == expected.stdout
    said = "".join(one["text"] for one in run.outputs if one.get("name") == "stderr")
    assert re.sub(r"/\S*/kernel-\w+", "ROOT", said) == expected.stderr
    ended = f"RuntimeError: entry.py ended with exit code {expected.exit_code}"
    assert error == (ended if expected.exit_code else "")


def _run_alone(built: Notebook, folder: Path) -> tuple[Any, str]:
    """A notebook -> (its last cell with what it printed, the error that ended it), run alone."""
    folder.mkdir()
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    nbformat.validate(notebook)
    error = ""
    try:
        _execute(notebook, folder)
    except nbclient.exceptions.CellExecutionError as failed:
        error = f"{failed.ename}: {failed.evalue}"
    return notebook.cells[-1], error


def test_a_program_has_a_process_of_its_own(tmp_path: Path) -> None:
    """In the notebook's own, asyncio has a loop already, and stdout no buffer; exit(0) is well."""
    (tmp_path / "queue.py").write_text("def name():\n    return 'a queue of mine'\n")
    text = """\
import asyncio
import atexit
import sys
import queue
import threading
import time

async def wait():
    await asyncio.sleep(0)
    print("waited", flush=True)

def go_on():
    time.sleep(0.2)
    print("a thread went on")

asyncio.run(wait())
atexit.register(print, "the end")
threading.Thread(target=go_on).start()
sys.stdout.buffer.write(b"bytes\\xff\\n")
print(queue.name(), __name__, "IPython" in sys.modules, len(sys.argv))
sys.exit(0)
"""
    run, error = _run_alone(build_notebook(Entry(text, "entry.py", tmp_path)), tmp_path / "empty")
    assert not error
    assert _printed(run) == (
        "waited\nbytes\ufffd\na queue of mine __main__ False 1\na thread went on\nthe end\n"
    )


def test_every_byte_of_every_file_arrives(tmp_path: Path) -> None:
    """Also those that a cell cannot show as they are, and paths that IPython would read anew."""
    files = {
        "pack/__init__.py": b"from . import crlf, bom, latin, no_end, blanks, prompts\n",
        "pack/crlf.py": b"A = 1\r\nB = 2\r\n",
        "pack/bom.py": b"\xef\xbb\xbfA = 1\n",
        "pack/latin.py": b"# coding: latin-1\nA = '\xe9'\n",
        "pack/no_end.py": b"A = 1\nB = 2",
        "pack/blanks.py": b"def f():\n    a = 1\n    \n    return a\n",
        "pack/prompts.py": b'"""\n>>> 1\n"""\nHELP = """\n>>> 1\n... 2\n"""\n',
        "pack/ends.py": b"A = 1\n\n\n",
        "pack/page.py": b"...\n\x0c\nA = 1\n",
        "pack/some {source} 'data\".txt": b"%%time\n!ls {source} $HOME\n",
        "pack/table.csv": b"a,b\r\n1,2\r\n",
        "pack/bytes.bin": bytes(range(256)),
        "pack/empty.txt": b"",
        "pack/triples.txt": b"'''\n\"\"\"\n  \n|a\n",
    }
    entry = b"""\
import hashlib, pathlib, pack, pack.ends, pack.page\r
for path in sorted(pathlib.Path(pack.__file__).parent.iterdir()):\r
    if path.is_file():\r
        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())\r
print(hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(), end="")"""
    for path, raw in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(raw)
    built = build_notebook(Entry(entry, "entry.py", tmp_path))
    run, error = _run_alone(built, tmp_path / "empty")
    assert not error
    names = sorted(path.removeprefix("pack/") for path in files)
    expected = [f"{name} {sha256_bytes(files['pack/' + name])}" for name in names]
    assert _printed(run).split("\n") == [*expected, sha256_bytes(entry)]
    cells = [cell["source"] for cell in built.content["cells"] if cell["cell_type"] == "code"]
    assert dict(filter(None, map(read_file, cells))) == {**files, "entry.py": entry}
    assert "|    a = 1\n|    \n|" in "".join(cells)  # a reader sees lines, where there are any


def test_a_program_in_a_folder_finds_its_packages_in_order(tmp_path: Path) -> None:
    """The entry's own folder comes first, then the folders that were named, as at a prompt."""
    for path, word in (("scripts/near.py", "near"), ("src/near.py", "far"), ("src/deep.py", "x")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f"WORD = {word!r}\n")
    text = (
        "import os, sys, deep, near\n"
        "print(near.WORD, deep.WORD, os.path.basename(sys.path[0]), os.listdir())\n"
        "print(__file__ == sys.argv[0], os.path.basename(os.path.dirname(__file__)))\n"
    )
    entry = Entry(text, "scripts/train.py", tmp_path, paths=("src",))
    run, error = _run_alone(build_notebook(entry), tmp_path / "empty")
    assert not error
    assert _printed(run) == "near x scripts []\nTrue scripts\n"


def test_a_package_runs_as_with_dash_m(tmp_path: Path) -> None:
    """Also where a package of that name lies in the working folder."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text("WORD = 'inner'\n")
    text = "from .inner import WORD\nprint(WORD, __name__, __package__, __spec__.name)\n"
    (tmp_path / "pack" / "__main__.py").write_text(text)
    built = build_notebook(Entry(text, "pack/__main__.py", tmp_path, module="pack.__main__"))
    (tmp_path / "work" / "pack").mkdir(parents=True)
    (tmp_path / "work" / "pack" / "__init__.py").write_text("1 / 0\n")
    notebook = nbformat.reads(json.dumps(built.content), as_version=4)
    done = _execute(notebook, tmp_path / "work")
    assert _printed(done.cells[-1]) == "inner __main__ pack pack.__main__\n"


def test_the_entry_is_its_own_bytes_where_nobody_asks_for_the_bundle(tmp_path: Path) -> None:
    text = "#!/usr/bin/env python\n# coding: utf-8\n\n\nimport sys\n"
    built = build_notebook(Entry(text, "a.py", tmp_path))
    source = built.content["cells"][-3]["source"]
    assert source == "%%writefile {source}/a.py\n" + text.removesuffix("\n")


def test_what_stands_above_the_entry_can_be_taken_out_again(tmp_path: Path) -> None:
    """Its values and the bundle's hash, below what must stay at the top of a file."""
    top = '#!/usr/bin/env python\n"""Doc."""\n\nfrom __future__ import annotations\n'
    rest = "\n\nimport __bundle__\nprint(__bundle__.sha256, CHOICE, __doc__)\n"
    entry = Entry(top + rest, "entry.py", tmp_path, preface="CHOICE = 5\n")
    built = build_notebook(entry)
    run, error = _run_alone(built, tmp_path / "empty")
    assert not error
    assert _printed(run) == f"{built.sha256} 5 Doc.\n"
    path, raw = read_file(built.content["cells"][-3]["source"]) or ("", b"")
    lines = raw.decode().split("\n")
    first, last = lines.index(VALUES), lines.index(END_OF_VALUES)
    assert "\n".join(lines[:first] + lines[last + 1 :]) == top + rest
    assert "\n".join(lines[:first]) + "\n" == top
    assert path == "entry.py"


@pytest.mark.parametrize("name", ["entry.py", "scripts/entry.py"])
def test_files_for_the_working_folder_are_laid_there_but_never_over_one(
    tmp_path: Path, name: str
) -> None:
    """Their places count from the entry's own folder, where the program would be run."""
    home, work = tmp_path / "home" / Path(name).parent, tmp_path / "work"
    for path in ("a.json", "conf/b.json", "conf/c.json"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(path)
    text = "print(*(open(one).read() for one in ('a.json', 'conf/b.json', 'conf/c.json')))\n"
    entry = Entry(text, name, tmp_path / "home", cwd=("*.json", "conf/*"))
    notebook = nbformat.reads(json.dumps(build_notebook(entry).content), as_version=4)
    (work / "conf").mkdir(parents=True)
    (work / "conf" / "b.json").write_text("mine")
    done = _execute(notebook, work)
    assert _printed(done.cells[-1]) == "a.json mine conf/c.json\n"
    assert sorted(path.name for path in work.rglob("*.*")) == ["a.json", "b.json", "c.json"]
