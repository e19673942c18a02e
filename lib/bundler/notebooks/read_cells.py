"""A Jupyter notebook's bytes -> its code cells; an error for what is no Python notebook."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError

_SAVE = "save it from Jupyter as a notebook of Python"
_HEADING = re.compile(r"#{1,6}\s+(.+)")
_INDENT = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Cell:
    """One cell that holds code."""

    number: int  # among all cells, from 1
    text: str  # without newlines at its end
    heading: str  # the last one in the text cells right above; empty: none
    may_fail: bool  # whether its tag says that an error does not end the run


def read_cells(raw: bytes, shown: str) -> list[Cell]:
    """(a notebook's bytes, its path for messages) -> its code cells without the empty ones."""
    notebook = _parse_json(raw, shown)
    version = notebook.get("nbformat")
    if version not in (3, 4):
        said = f"no notebook of format 3 or 4 (its nbformat is {version!r})"
        raise InputError("bundle", f"{shown}: {said}; cure: {_SAVE}")
    _check_language(notebook, shown)
    cells, heading = [], ""
    for number, (kind, source, tags) in enumerate(_list_all(notebook, version, shown), 1):
        if kind == "code":
            text = _dedent(source).rstrip("\n")
            if text.strip():
                cells.append(Cell(number, text, heading, "raises-exception" in tags))
            heading = ""
        elif kind == "markdown":
            heading = _find_heading(source) or heading
        elif kind == "heading":  # of format 3
            heading = _find_heading(f"# {source}")
    if not cells:
        raise InputError("bundle", f"{shown}: no cell holds code; cure: {_SAVE}")
    return cells


def _parse_json(raw: bytes, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        said = f"{shown}:{error.lineno}: no notebook, for it is no JSON ({error.msg})"
        raise InputError("bundle", f"{said}; cure: {_SAVE}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        said = f"{shown}: no notebook, for it is no JSON ({error})"
        raise InputError("bundle", f"{said}; cure: {_SAVE}") from None
    if not isinstance(value, dict):
        raise InputError("bundle", f"{shown}: JSON, but no notebook; cure: {_SAVE}")
    return value


def _check_language(notebook: dict[str, Any], shown: str) -> None:
    """Raise InputError where the notebook says that its cells are no Python."""
    metadata = _as_dict(notebook.get("metadata"))
    kernel, language = (_as_dict(metadata.get(one)) for one in ("kernelspec", "language_info"))
    names = [language.get("name"), kernel.get("language"), metadata.get("language")]
    for name in names:
        if isinstance(name, str) and name and "python" not in name.lower():
            said = f"its cells are {name}, no Python"
            raise InputError("bundle", f"{shown}: {said}; cure: name a notebook of Python")


def _list_all(
    notebook: dict[str, Any], version: int, shown: str
) -> Iterator[tuple[str, str, list[str]]]:
    """A notebook -> (kind, text, tags) of each cell, from the top."""
    holders = notebook.get("worksheets") if version == 3 else [notebook]
    cells = [cell for one in holders or () for cell in _as_dict(one).get("cells") or ()]
    for number, cell in enumerate(map(_as_dict, cells), 1):
        kind = str(cell.get("cell_type"))
        source = cell.get("input" if version == 3 and kind == "code" else "source", "")
        parts = source if isinstance(source, list) else [source]
        if not all(isinstance(part, str) for part in parts):
            said = f"{shown}: cell {number}: its source is no text"
            raise InputError("bundle", f"{said}; cure: {_SAVE}")
        language = cell.get("language") or "python"  # of one cell, in format 3
        if kind == "code" and "python" not in str(language).lower():
            said = f"{shown}: cell {number}: its code is {language}, no Python"
            raise InputError("bundle", f"{said}; cure: name a notebook of Python")
        tags = _as_dict(cell.get("metadata")).get("tags")
        text = "".join(parts).replace("\r\n", "\n").replace("\r", "\n")
        yield kind, text, tags if isinstance(tags, list) else []


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dedent(text: str) -> str:
    """A cell's text -> the same without the indent of its first line, as IPython runs it."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    indent = _INDENT.match(first)
    return "\n".join(line.removeprefix(indent[0]) for line in lines) if indent else text


def _find_heading(text: str) -> str:
    """A text cell -> its last heading in plain words; empty: it has none, or a long one."""
    found = [_HEADING.match(line) for line in text.split("\n")]
    words = [re.sub(r"[*_`#]", "", one[1]).strip() for one in found if one]
    return next((one for one in reversed(words) if one.isprintable() and len(one) <= 70), "")
