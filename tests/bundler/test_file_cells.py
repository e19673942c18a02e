"""Files -> cells -> files: no byte is lost, whatever IPython does to a cell before it runs it."""

import ast
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from lib.bundler.notebooks.file_cells import read_file, write_file

# Pieces of texts that IPython, Jupyter, or a string's quotes could change.
_PIECES = [
    *("a", "|", " ", "\t", "\n", "\n\n", "\r\n", "\r", "\f", "\\", "'''", '"""', '"', "'", "#"),
    *(">>> ", "... ", "In [1]: ", "%%time", "%cd", "!ls", "?", "{source}", "$HOME", "é", "\u2028"),
    *("\ufeff", "x = ", "def f():", "\0", "\x1c", "\x85", '.split("\\n")[1:]).encode("utf-8"))'),
]


def _write_by_ipython(cell: str) -> tuple[str, bytes]:
    """A cell's text -> (path, bytes) as they are after IPython has read the cell."""
    text = TransformerManager().transform_cell(cell)
    call = getattr(ast.parse(text).body[0], "value", None)
    if isinstance(call, ast.Call) and "run_cell_magic" in ast.unparse(call.func):
        magic, path, body = (ast.literal_eval(one) for one in call.args)
        assert magic == "writefile"
        return path.removeprefix("{source}/"), body.encode()
    written: list[tuple[str, bytes]] = []

    class Target:
        def __init__(self, source: str, path: str) -> None:
            self.path = path

        def write_bytes(self, raw: bytes) -> None:
            written.append((self.path, raw))

    names: dict[str, Any] = {"source": "", "Path": Target}
    exec(text.replace("from pathlib import Path\n", ""), names)
    return written[0]


@given(st.lists(st.sampled_from(_PIECES)).map("".join), st.sampled_from(["utf-8", "utf-16"]))
def test_any_text_comes_back(text: str, codec: str) -> None:
    raw = text.encode(codec)
    cell = write_file("lib/a.py", raw, codec)
    assert read_file(cell) == ("lib/a.py", raw)
    assert _write_by_ipython(cell) == ("lib/a.py", raw)


@given(st.binary(), st.sampled_from(["utf-8", "latin-1", "no codec"]))
def test_any_bytes_come_back(raw: bytes, codec: str) -> None:
    cell = write_file("lib/a.bin", raw, codec)
    assert read_file(cell) == ("lib/a.bin", raw)
    assert _write_by_ipython(cell) == ("lib/a.bin", raw)


@given(st.lists(st.sampled_from([*_PIECES, "b", "/", ".."]), min_size=1).map("".join))
def test_any_path_comes_back(path: str) -> None:
    cell = write_file(path, b"A = 1\n")
    assert read_file(cell) == (path, b"A = 1\n")
    assert _write_by_ipython(cell) == (path, b"A = 1\n")


def test_the_standard_library_comes_back() -> None:
    """Its docstrings hold prompts, and some of its files page breaks and other codecs."""
    kinds = {"%%wri": 0, "from ": 0, "impor": 0}
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        raw = file.read_bytes()
        cell = write_file(file.name, raw)
        assert read_file(cell) == (file.name, raw)
        assert _write_by_ipython(cell) == (file.name, raw)
        kinds[cell[:5]] += 1
    assert kinds["impor"] <= 5  # in base64
    assert kinds["%%wri"] > 0.8 * sum(kinds.values())


def test_lines_may_be_edited_in_a_cell_that_quotes_them() -> None:
    cell = write_file("a.py", b"A = 1\r\n|  B")
    edited = cell.replace("|A = 1\n", "|A = 2\nC = 3\n\n|  \n")
    assert edited != cell
    expected = ("a.py", b"A = 2\r\nC = 3\r\n\r\n  \r\n|  B")
    assert read_file(edited) == expected
    assert _write_by_ipython(edited) == expected


def test_a_cell_that_writes_otherwise_is_no_file_of_ours() -> None:
    assert read_file("x = 1") is None
    assert read_file("%%writefile other.py\nx") is None
    with pytest.raises(ValueError, match="in another way"):
        read_file('from pathlib import Path\n\nwritten = Path(source, "a").write_bytes(make())')
