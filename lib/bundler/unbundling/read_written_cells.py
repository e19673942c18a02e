"""A notebook that the bundler made, edited or not -> the files that its cells write."""

import json
import re
from typing import Any

from lib.base.errors import InputError
from lib.bundler.notebooks.file_cells import read_file
from lib.bundler.notebooks.value_block import END_OF_VALUES, VALUES
from lib.bundler.unbundling.bundled_file import BundledFile, Unbundled
from lib.bundler.unbundling.read_script import STAGE, read_rows

_REMARK = re.compile("<!-- (#: .*) -->")  # below a file's name, the row that a table has for it
_SETTING_UP = "tempfile.TemporaryDirectory(prefix="
_RUNNING = re.compile(r'os\.path\.join\(source, ("(?:[^"\\]|\\.)*")\)')
_WHOLE = "take the whole notebook as build.py wrote it"

Cells = list[tuple[int, str]]  # the number of a code cell, counted with all others, and its text


def read_written_cells(raw: bytes, shown: str) -> Unbundled:
    """(a notebook's bytes, its path for messages) -> its files; InputError where it is none."""
    texts, codes = _list_cells(raw, shown)
    remarks = [remark for text in texts for remark in _REMARK.findall(text)]
    hashes = {row.path: row.sha256 for row in read_rows(remarks)}
    written = _read_files(codes, shown)
    top = next((place for place, (_, text) in enumerate(codes) if _SETTING_UP in text), None)
    if top is None or not written:
        said = f"{shown} is no bundle: no cell of it writes files as those of build.py do"
        raise InputError(STAGE, f"{said}; cure: name a file that build.py made")
    missing = [path for path in hashes if path not in written]
    if missing:
        said = f"{shown}: the cell that writes {', '.join(missing)} is gone"
        raise InputError(STAGE, f"{said}; cure: put it back below its heading")
    files = tuple(
        BundledFile(path, content, hashes.get(path, "")) for path, (_, content) in written.items()
    )
    own = {number for number, _ in written.values()}
    between = [each for each in codes[top + 1 :] if each[0] < max(own) and each[0] not in own]
    strays = tuple((number, text.split("\n")[0]) for number, text in between)
    preface = "\n\n".join(text for _, text in codes[:top])
    return Unbundled(_find_entry(codes, files), files, preface, strays)


def find_pasted(raw: bytes, shown: str) -> bytes | None:
    """A notebook -> the script that is one cell of it, as Kaggle makes a notebook of one."""
    _, codes = _list_cells(raw, shown)
    found = [text for _, text in codes if "\n#  first lines " in text and "__bundle__(" in text]
    return found[0].encode() if found else None


def _list_cells(raw: bytes, shown: str) -> tuple[list[str], Cells]:
    """A notebook's bytes -> (the texts of its text cells, its code cells)."""
    try:
        cells: list[dict[str, Any]] = json.loads(raw.decode("utf-8-sig"))["cells"]
        pairs = [(_join(each["source"]), each["cell_type"] == "code") for each in cells]
    except (ValueError, KeyError, TypeError):
        said = f"{shown} is no notebook, or was cut short"
        raise InputError(STAGE, f"{said}; cure: {_WHOLE}") from None
    codes = [(number, text) for number, (text, is_code) in enumerate(pairs, 1) if is_code]
    return [text for text, is_code in pairs if not is_code], codes


def _join(source: str | list[str]) -> str:
    """A cell's text, or its lines -> the text, with newlines alone."""
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_files(codes: Cells, shown: str) -> dict[str, tuple[int, bytes]]:
    """Code cells -> path -> (number of the cell that writes it, its bytes)."""
    written: dict[str, tuple[int, bytes]] = {}
    for number, text in codes:
        try:
            found = read_file(text)
            if found:
                found = found[0], _drop_values(found[1])
        except ValueError as error:
            said = f"{shown}, cell {number}: the file cannot be read ({error})"
            raise InputError(STAGE, f"{said}; cure: {_WHOLE}, and edit the file's lines") from None
        if found is None:
            continue
        path, content = found
        if path in written:
            said = f"{shown}: cells {written[path][0]} and {number} both write {path}"
            raise InputError(STAGE, f"{said}; cure: delete one of them")
        written[path] = number, content
    return written


def _drop_values(content: bytes) -> bytes:
    """A file's bytes -> the same without the block that stands for the second cell's values."""
    start = _find_line(content, VALUES)
    if start is None:
        return content
    end = _find_line(content, END_OF_VALUES)
    if end is None or end < start:
        raise ValueError(f"the line `{END_OF_VALUES}` is gone")
    above, rest = content[:start], content[end + len(END_OF_VALUES) :]
    if not rest:  # the block's last line took the place of one without an end
        return re.sub(rb"(\r\n|\r|\n)\Z", b"", above)
    return above + re.sub(rb"\A(\r\n|\r|\n)", b"", rest)


def _find_line(content: bytes, line: str) -> int | None:
    """(bytes, a line of ASCII) -> where the line begins; None: it is not there."""
    found = re.search(
        rb"(?:\A|(?<=[\r\n])|(?<=\A\xef\xbb\xbf))%b(?=[\r\n]|\Z)" % re.escape(line.encode()),
        content,
    )
    return found.start() if found else None


def _find_entry(codes: Cells, files: tuple[BundledFile, ...]) -> str:
    """(code cells, files) -> the path of the one that the notebook runs."""
    found = [match for _, text in codes if (match := _RUNNING.search(text))]
    return str(json.loads(found[-1][1])) if found else files[-1].path
