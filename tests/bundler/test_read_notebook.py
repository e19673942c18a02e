"""A notebook as the entry of a bundle: its cells as one script, and what only a notebook does."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from lib.base.errors import InputError
from lib.bundler.bundle import build_bundle
from lib.bundler.entry import Entry
from lib.bundler.notebooks.read_notebook import find_cell, read_notebook
from tests.interpreters import find_python


def _notebook(*sources: str, **metadata: Any) -> bytes:
    """Sources of cells -> a notebook; one that begins with "#md " is a text cell."""
    notebook = nbformat.v4.new_notebook(metadata=metadata)
    for source in sources:
        is_text = source.startswith("#md ")
        make = nbformat.v4.new_markdown_cell if is_text else nbformat.v4.new_code_cell
        notebook.cells.append(make(source.removeprefix("#md ")))
    return nbformat.writes(notebook).encode()


def _read(*sources: str) -> tuple[str, list[str]]:
    text, told = read_notebook(_notebook(*sources), "some/where/work.ipynb")
    assert (text, told) == read_notebook(_notebook(*sources), "some/where/work.ipynb")
    return text, [str(one) for one in told]


def _refuse(*sources: str) -> list[str]:
    """Sources of cells that are no script -> the lines of the error, each without its start."""
    with pytest.raises(InputError) as error:
        read_notebook(_notebook(*sources), "work.ipynb")
    lines = [line.strip() for line in str(error.value).removeprefix("bundle: ").split("\n")]
    assert all(line.startswith("work.ipynb: ") and "; cure: " in line for line in lines)
    return [line.removeprefix("work.ipynb: ") for line in lines]


def test_cells_stand_in_order_below_comments_that_number_them() -> None:
    text, told = _read("#md # All\n\n## *Load* it\n", "x = 1\n", "#md words", "", "print(x)")
    assert not told
    assert text == (
        "# The code cells of a notebook, one below the other.\n#\n\n"
        "# %% cell 2: Load it\nx = 1\n\n# %% cell 5\nprint(x)\n"
    )
    assert find_cell(text, text.split("\n").index("print(x)") + 1) == (5, 1)


@pytest.mark.parametrize(
    "notebook",
    [
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a = 1\n", "print(a)"]}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "a = 1\r\nprint(a)\r\n"}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "\n  a = 1\n  print(a)"}]},
        {
            "nbformat": 3,
            "worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1\n", "print(a)"]}]}],
        },
        {
            "nbformat": 4,
            "metadata": {"kernelspec": {"language": "python"}, "language_info": {"name": "python"}},
            "cells": [
                {"cell_type": "raw", "source": "!raw"},
                {"cell_type": "code", "source": "a = 1\nprint(a)", "outputs": [], "metadata": {}},
                {"cell_type": "markdown", "source": "%text\n!text"},
            ],
        },
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_both_formats_and_both_kinds_of_source_are_read(
    notebook: dict[str, Any], mark: bytes
) -> None:
    text, told = read_notebook(mark + json.dumps(notebook).encode(), "work.ipynb")
    assert not told
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    assert lines == ["a = 1", "print(a)"]


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("!pip install numpy", "install the package beforehand"),
        ("%pip install numpy", "install the package beforehand"),
        ("pip install numpy", "install the package beforehand"),
        ("!ls -la", "subprocess.run"),
        ("!!ls", "subprocess.run"),
        ("files = !ls", "subprocess.run"),
        ("x = %timeit -o f()", "time.perf_counter"),
        ("%cd /kaggle", "os.chdir"),
        ("cd /kaggle", "os.chdir"),
        ("cd ../kaggle", "os.chdir"),
        ("ls -la", "subprocess.run"),
        ("pwd", "os.getcwd"),
        ("%env NAME=value", "os.environ"),
        ("%matplotlib inline", "remove it"),
        ("%load_ext autoreload", "remove the line"),
        ("%run other.py", "runpy.run_path"),
        ("%some_magic of mine", "in Python, or remove it"),
        ("?len", "help(NAME)"),
        ("len?", "help(NAME)"),
        ("x.real??", "help(NAME)"),
        ("/f 1, 2", "as a call"),
        ("if x: pass\nfor i in x:\n    %time f(i)", "time.perf_counter"),
        ("get_ipython().system('ls')", "in Python, or remove it"),
        ("await f()", "asyncio.run"),
        ("async with f() as g: pass", "asyncio.run"),
        ("print 1", "correct the line"),
    ],
)
def test_what_is_no_python_is_refused_by_cell_and_line_with_a_cure(line: str, cure: str) -> None:
    at = line.count("\n") + 2
    (said,) = _refuse("import os\n", "#md text", f"x = [1]\n{line}\n")
    assert said.startswith(f"cell 3, line {at}: ")
    assert cure in said.partition("; cure: ")[2]


def test_every_line_of_ipython_is_named_at_once() -> None:
    said = _refuse("%%writefile m.py\n!no ( 'line", "# !a\n!a \\\n  b '\n%b", "\n\n%%time\nx")
    assert [one.partition(": ")[0] for one in said] == [
        *("cell 1, line 1", "cell 2, line 2", "cell 2, line 4", "cell 3, line 3"),
    ]
    assert "save the cell's text as that file" in said[0]
    with pytest.raises(InputError, match=r"cell 1, line 10: .*\n  work\.ipynb: and 20 lines more$"):
        read_notebook(_notebook("\n".join(["!ls"] * 30)), "work.ipynb")


@pytest.mark.parametrize(
    "cell",
    [
        's = """\n!ls\n%cd x\nwhat?\n"""',
        "s = '''it's \\''' \n%time\n'''",
        "x = (7\n% 4)",
        "x = 7 \\\n% 4",
        "x = [7,\n'?', # ?\n]\nassert x != 1, f'{x=!r} {x!s:>4}?'",
        "x = 'a\\\n!b'\nx %= ()",
        "# %matplotlib inline\n# !pip install x",
        'x = "%s?" % "!"  # x?',
    ],
)
def test_percent_and_bang_in_python_are_left_alone(cell: str) -> None:
    text, told = _read(cell)
    assert not told
    assert text.endswith(f"cell 1\n{cell}\n")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "work.ipynb:1: no notebook, for it is no JSON"),
        (b"\xff", "no notebook, for it is no JSON"),
        (b"[" * 100_000, "no notebook, for it is no JSON"),
        (b"[1]", "JSON, but no notebook"),
        (b"{}", "no notebook of format 3 or 4"),
        (b'{"nbformat": 4}', "no cell holds code"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}', "cell 1: its source"),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\ud800"}]}',
            "cell 1, line 1: syntax error",
        ),
        (_notebook("x", language_info={"name": "R"}), "its cells are R, no Python"),
        (_notebook("x", kernelspec={"language": "julia", "name": "j", "display_name": "j"}), "jul"),
        (_notebook("x = 1", "global x"), "cell 2, line 1: syntax error where the cells are one"),
        (_notebook("x = 1", "def f(:"), "cell 2, line 1: syntax error: "),
    ],
)
def test_no_notebook_of_python_is_an_error_of_one_line(raw: bytes, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_notebook(raw, "work.ipynb")
    assert said in str(error.value)
    assert "; cure: " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "cell",
    [
        "def main():\n    print(1)\nmain()",
        "print(1)",
        "x = [1]\nx.append(2)",
        "x = 1\nx;",
        "x = 1\nx ; # quiet",
        "from elsewhere import main\nmain()",
        "def f():\n    def g():\n        return 1\n    return\nf()",
        "print(1) if 1 else None",
        "try:\n    get_ipython()\nexcept NameError:\n    pass",
        "from IPython.display import display\ndisplay(1)",
        "for _ in range(3):\n    _",
        "ls = [1]\nls\nprint(2)",
    ],
)
def test_ordinary_cells_are_read_without_a_word(cell: str) -> None:
    assert not _read(cell)[1]


@pytest.mark.parametrize(
    ("cell", "what", "cure"),
    [
        ("x = 1\nx", "line 2: a notebook shows this line's value", "print it"),
        ("df.head()", "line 1: a notebook shows this line's value", "print it"),
        ("def f():\n    if 1:\n        return 2\nf()", "line 4: a notebook shows", "print it"),
        ("x = get_ipython", "line 1: get_ipython is defined in a notebook alone", "NameError"),
        ("x = Out[3]", "line 1: Out holds", "name"),
        ("x = _ + 1", "line 1: _ is the last value", "name"),
        ("1\n\ndisplay(1)", "line 3: display shows", "print"),
        ("from tqdm.notebook import tqdm", "line 1: tqdm.notebook works", "tqdm.auto"),
        ("import matplotlib.pyplot as plt", "line 1: a notebook shows figures", "savefig"),
    ],
)
def test_what_a_script_does_otherwise_is_told_by_cell_and_line(
    cell: str, what: str, cure: str
) -> None:
    told = _read("#md text", cell)[1]
    assert told[0].startswith(f"work.ipynb: cell 2, {what}")
    assert cure in told[0].partition("; cure: ")[2]


def test_an_error_that_the_notebook_allows_is_told() -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("1 / 0;", metadata={"tags": ["raises-exception"]})]
    (told,) = read_notebook(nbformat.writes(notebook).encode(), "work.ipynb")[1]
    assert "cell 1, line 1: an error does not end the run" in str(told)


def test_futures_of_later_cells_stand_at_the_top() -> None:
    later = "y = 1; from __future__ import (\n    annotations,\n)\n"
    with pytest.raises(InputError):
        _read(later)  # IPython refuses it as well
    text, _ = _read('"""Doc."""\nfrom __future__ import annotations', "x: é = 1")
    assert text.count("__future__") == 1
    later = '"""é"""; from __future__ import (\n    annotations,\n); x: missing = 2\nprint(x)'
    text, _ = _read("print(0)", later)
    assert text.startswith("# The code cells of a notebook, one below the other.\n#\nfrom __future")
    assert find_cell(text, text.split("\n").index("print(x)") + 1) == (2, 4)
    assert _run(text) == "0\n2\n"


def _run(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_a_coding_comment_in_a_cell_says_nothing() -> None:
    text, _ = _read("# coding: latin-1\nprint(len('é'))")
    assert _run(text) == "1\n"
    assert build_bundle(Entry(text, "work.py", Path(__file__).parent)).text.count("'é'") == 1


def test_display_without_an_import_prints(tmp_path: Path) -> None:
    text, told = _read("from __future__ import annotations\nx: é = 'a'", "display(x, 2)")
    assert len(told) == 1
    assert _run(text) == "'a'\n2\n"


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_bundled_notebook_runs_alone_in_an_empty_folder(tmp_path: Path, version: str) -> None:
    """It imports a package beside it, and a class in it can be pickled for a spawned process."""
    home, empty = tmp_path / "home", tmp_path / "empty"
    (home / "pack").mkdir(parents=True)
    empty.mkdir()
    (home / "pack" / "__init__.py").write_text("from .inner import double\n")
    (home / "pack" / "inner.py").write_text("def double(x):\n    return 2 * x\n")
    raw = _notebook(
        "#md # Doubles",
        "import multiprocessing\nfrom pack import double",
        "def twice(x):\n    return double(double(x))",
        'if __name__ == "__main__":\n'
        '    with multiprocessing.get_context("spawn").Pool(1) as pool:\n'
        "        print(pool.map(twice, [1, 2]))",
    )
    text, told = read_notebook(raw, "work.ipynb")
    assert not told
    ast.parse(text)
    script = empty / "work.py"
    script.write_text(build_bundle(Entry(text, "work.py", home)).text)
    home.rename(tmp_path / "away")
    done = subprocess.run(
        [find_python(version), script],
        cwd=empty,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "[4, 8]\n"
