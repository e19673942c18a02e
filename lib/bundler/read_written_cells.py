"""A notebook that the bundler made, edited or not -> the files that its cells write."""

import ast
import base64
import json
import re
from typing import Any

from lib.base.errors import InputError
from lib.bundler.bundled_file import BundledFile, Unbundled
from lib.bundler.read_script import STAGE, Part, Row, read_rows
from lib.bundler.read_section import read_text

VALUES = "# ---- values of the second cell ----"  # above what stands in the entry for these
END_OF_VALUES = "# ---- end of values ----"
_WRITE = re.compile(r"%%writefile \{source\}/(.+)")
_DATA = re.compile(r'^written = Path\(source, (".*")\)\.write_bytes\(', re.MULTILINE)
_SETTING_UP = "tempfile.TemporaryDirectory(prefix="
_RUNNING = re.compile(r'^sys\.argv = \[os\.path\.join\(source, (".*")\)', re.MULTILINE)


def read_written_cells(raw: bytes, shown: str) -> Unbundled:
    """(a notebook's bytes, its path for messages) -> its files; InputError where it is none."""
    cells = _list_cells(raw, shown)
    rows = {row.path: row for text, _ in cells for row in read_rows(_list_remarks(text))}
    codes = [(number, text) for number, (text, is_code) in enumerate(cells, 1) if is_code]
    top = next((n for n, (_, text) in enumerate(codes) if _SETTING_UP in text), None)
    files: dict[str, tuple[int, bytes]] = {}
    for number, text in codes:
        found = _read_file(text, rows, f"{shown}, cell {number}")
        if found and found[0] in files:
            said = f"{shown}: cells {files[found[0]][0]} and {number} both write {found[0]}"
            raise InputError(STAGE, f"{said}; cure: delete one of them")
        if found:
            files[found[0]] = number, found[1]
    if top is None or not files:
        said = f"{shown} is no bundle: no cell of it writes files as those of build.py do"
        raise InputError(STAGE, f"{said}; cure: name a file that build.py made")
    missing = ", ".join(rows.keys() - files.keys())
    if missing:
        said = f"{shown}: the cell that writes {missing} is gone"
        raise InputError(STAGE, f"{said}; cure: put it back below its heading")
    bundled = tuple(
        BundledFile(path, content, rows[path].sha256 if path in rows else "")
        for path, (_, content) in files.items()
    )
    preface = "\n\n".join(text for _, text in codes[:top])
    own = {number for number, _ in files.values()}
    between = [pair for pair in codes[top + 1 :] if pair[0] < max(own) and pair[0] not in own]
    strays = tuple((number, text.split("\n")[0]) for number, text in between)
    return Unbundled(_find_entry(codes, bundled), bundled, preface, strays)


def _list_cells(raw: bytes, shown: str) -> list[tuple[str, bool]]:
    """A notebook's bytes -> each cell's text and whether it is code."""
    try:
        cells: list[dict[str, Any]] = json.loads(raw.decode("utf-8-sig"))["cells"]
        return [(_join(each["source"]), each["cell_type"] == "code") for each in cells]
    except (ValueError, KeyError, TypeError):
        said = f"{shown} is no notebook, or was cut short"
        raise InputError(STAGE, f"{said}; cure: take the whole file, or download it anew") from None


def _join(source: str | list[str]) -> str:
    """A cell's text, or its lines -> the text, with newlines alone."""
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _list_remarks(text: str) -> list[str]:
    """A cell's text -> the lines of it that hide in HTML comments."""
    return [line.strip() for line in re.findall(r"<!-- (.*) -->", text)]


def _read_file(text: str, rows: dict[str, Row], shown: str) -> tuple[str, bytes] | None:
    """A cell's text -> the path and the bytes of the file that it writes; None for other cells."""
    head, _, body = text.partition("\n")
    if written := _WRITE.fullmatch(head.rstrip()):
        path = written[1]
        row = rows.get(path, Row(path, "", "text"))
        lines = _drop_values(body.split("\n"), shown) if body else []
        return path, read_text(lines, Part(row, 2, tuple(lines)), shown)
    if data := _DATA.search(text):
        return str(ast.literal_eval(data[1])), _read_data(text, shown)
    return None


def _drop_values(lines: list[str], shown: str) -> list[str]:
    """The entry's lines -> the same without the block that stands for the second cell's values."""
    if VALUES not in lines:
        return lines
    start = lines.index(VALUES)
    if END_OF_VALUES not in lines[start:]:
        said = f"{shown}: the line `{END_OF_VALUES}` is gone"
        raise InputError(STAGE, f"{said}; cure: put it back below the values")
    return lines[:start] + lines[lines.index(END_OF_VALUES, start) + 1 :]


def _read_data(text: str, shown: str) -> bytes:
    """The text of a cell that writes bytes -> these bytes."""
    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        written = {ast.unparse(call.func).split(".")[-1]: call.args for call in calls}
        value = ast.literal_eval((written.get("b64decode") or written["write_bytes"])[0])
        return base64.b64decode(value) if "b64decode" in written else bytes(value)
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        said = f"{shown}: its bytes cannot be read ({error})"
        raise InputError(STAGE, f"{said}; cure: take this cell from the bundle as built") from None


def _find_entry(codes: list[tuple[int, str]], files: tuple[BundledFile, ...]) -> str:
    """(code cells, files) -> the path of the one that the notebook runs."""
    found = [match for _, text in codes if (match := _RUNNING.search(text))]
    return str(ast.literal_eval(found[-1][1])) if found else files[-1].path
