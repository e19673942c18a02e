"""A Jupyter notebook -> the script that its code cells are, and what that does otherwise.

Cells are counted from the top, text cells too, as a reader of the notebook counts them.
"""

import ast
import dataclasses
import re
import warnings
from pathlib import PurePosixPath

from lib.base.errors import InputError
from lib.bundler.differences import Difference
from lib.bundler.notebooks.ipython_lines import find_command, find_ipython_lines
from lib.bundler.notebooks.notebook_habits import (
    CodeCell,
    Habit,
    find_commands,
    find_habits,
    needs_display,
)
from lib.bundler.notebooks.read_cells import Cell, read_cells

# Two lines, for Python reads `coding: latin-1` in the first two of a file; a cell's say nothing.
_HEAD = ["# The code cells of a notebook, one below the other.", "#"]
_DISPLAY = """\
# Notebooks show a value; a script prints it.
def display(*values, **_):
    for value in values:
        print(repr(value))"""
_MOST_TOLD = 10
_AWAIT = "put it into an async function and write asyncio.run(NAME())"


def read_notebook(raw: bytes, shown: str) -> tuple[str, list[Difference]]:
    """(a notebook's bytes, its path for messages) -> (Python text, what it will do otherwise).

    InputError names cell and line of all that is no Python: IPython's own lines, mistakes.
    """
    cells = read_cells(raw, shown)
    _refuse([fault for cell in cells for fault in _check_cell(cell)], shown)
    parsed = [CodeCell(cell, ast.parse(cell.text)) for cell in cells]
    _refuse(list(find_commands(parsed)), shown)
    text = _join(parsed)
    _refuse(_check_script(text), shown)
    path = PurePosixPath(shown.replace("\\", "/")).name
    told = [
        Difference(path, 0, f"cell {one.cell}, line {one.line}: {one.what}", one.cure)
        for one in find_habits(parsed)
    ]
    return text, told


def find_cell(text: str, line: int) -> tuple[int, int]:
    """(a text of `read_notebook`, a line's number in it) -> (cell's number, line in the cell)."""
    above = text.split("\n")[: line - 1]
    for back, one in enumerate(reversed(above)):
        if begun := re.match(r"# %% cell (\d+)", one):
            return int(begun[1]), back + 1
    return 0, line


def _join(parsed: list[CodeCell]) -> str:
    """Cells -> one script, each below a comment that numbers it.

    `from __future__` must stand at a script's top, so later cells leave theirs to it.
    """
    lines = list(_HEAD)
    if any(map(_list_futures, parsed[1:])) or needs_display(parsed):
        found = [name for one in parsed for node in _list_futures(one) for name in node.names]
        names = sorted({name.name for name in found})
        lines += [f"from __future__ import {', '.join(names)}"] if names else []
        parsed = [CodeCell(_without_futures(one), one.tree) for one in parsed]
    if needs_display(parsed):
        lines += ["", "", *_DISPLAY.split("\n"), ""]
    for one in parsed:
        heading = f": {one.cell.heading}" if one.cell.heading else ""
        lines += ["", f"# %% cell {one.cell.number}{heading}", *one.cell.text.split("\n")]
    return "\n".join([*lines, ""])


def _list_futures(one: CodeCell) -> list[ast.ImportFrom]:
    froms = [node for node in one.tree.body if isinstance(node, ast.ImportFrom)]
    return [node for node in froms if node.module == "__future__" and not node.level]


def _without_futures(one: CodeCell) -> Cell:
    """A cell -> the same with `pass` for each `from __future__`, and as many lines."""
    lines = [line.encode() for line in one.cell.text.split("\n")]  # columns count bytes
    for node in _list_futures(one):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        behind = lines[last][node.end_col_offset or 0 :]
        above = lines[first][: node.col_offset] + b"pass" + behind
        lines[first : last + 1] = [above, *[b""] * (last - first)]
    return dataclasses.replace(one.cell, text=b"\n".join(lines).decode())


def _check_cell(cell: Cell) -> list[Habit]:
    """A cell -> what keeps it from being a part of a script."""
    error = _compile(cell.text)
    if error is None:
        return []
    if found := find_ipython_lines(cell.text):
        return [
            Habit(cell.number, one.line, f"`{one.text}` is IPython's, no Python", one.cure)
            for one in found
        ]
    line, problem = error
    if _compile(cell.text, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) is None:
        said = "a notebook alone may await outside of a function"
        return [Habit(cell.number, line, said, _AWAIT)]
    lines = cell.text.split("\n")
    cure = find_command(lines[min(line, len(lines)) - 1]) or "correct the line"
    return [Habit(cell.number, line, f"syntax error: {problem}", cure)]


def _check_script(text: str) -> list[Habit]:
    """Cells that are right alone may not be so together: `global x` below `x = 1`."""
    error = _compile(text)
    if error is None:
        return []
    cell, line = find_cell(text, error[0])
    said = f"syntax error where the cells are one script: {error[1]}"
    return [Habit(cell, line, said, "correct the line")]


def _compile(text: str, flags: int = 0) -> tuple[int, str] | None:
    """A text -> (line, what is wrong with it) or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "cell", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, str(error.msg)
    except ValueError as error:  # a NUL, half a character
        return 1, str(error)
    return None


def _refuse(faults: list[Habit], shown: str) -> None:
    """Raise an InputError that names each fault in a line of its own."""
    lines = [
        f"{shown}: cell {one.cell}, line {one.line}: {one.what}; cure: {one.cure}" for one in faults
    ]
    if len(lines) > _MOST_TOLD:
        lines[_MOST_TOLD:] = [f"{shown}: and {len(lines) - _MOST_TOLD} lines more"]
    if lines:
        raise InputError("bundle", lines[0], more=lines[1:])
