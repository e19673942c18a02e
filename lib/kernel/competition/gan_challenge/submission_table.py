"""A submission.csv, ours or another's -> its features, or which line the scorer would not read.

The competition's scorer reads the table by pandas. There, one cell that is no plain number turns
its whole column into text. Python's float is laxer: it takes 1_000, digits of other scripts, nan,
infinity and other spaces.
"""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lib.base.errors import PipelineError
from lib.kernel.configuration.challenge import FEATURES

HEADER = ["id", *(f"f{column}" for column in range(FEATURES))]
_LEAST_ROWS = 2
_MARKS = frozenset("0123456789+-.eE \t")  # of plain numbers and the space around them
_LONGEST = 18  # digits of a whole number; pandas keeps a longer one as text
_NUMBER = re.compile(r"[ \t]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ \t]*", re.ASCII)

Refuse = Callable[[str, str, str], PipelineError]  # what, expected, got -> the error to raise
Array = NDArray[np.float64]


def name_image(index: int) -> str:
    """A row number -> its id, "dig-000042"."""
    return f"dig-{index:06d}"


def read_table(path: Path, refuse: Refuse, *, in_order: bool, rows: int | None = None) -> Array:
    """A CSV -> (N, 2048) float64, finite, in the order of its rows.

    The ids are dig-000000 ..., once each, in order if asked for. There must be `rows` rows, or at
    least two. Blank lines and a byte order mark are skipped, as the scorer does.
    Raises what `refuse` makes; line numbers are those of the file.
    """
    lines = _read_lines(path, refuse)
    header = next(lines, (0, []))[1]
    if header != HEADER:
        found = f"{len(header)} columns: {', '.join(header[:3])[:60]} ..."
        got = found if header else "an empty file"
        raise refuse(f"{path.name} has another header", f"{FEATURES + 1} columns: id, f0 ...", got)
    places: dict[str, int] = {}
    features: list[Array] = []
    for line, cells in lines:
        if len(cells) != FEATURES + 1:
            want = f"an id and {FEATURES} values"
            raise refuse(f"line {line} is not complete", want, f"{len(cells)} cells")
        if in_order and cells[0] != name_image(len(features)):
            want, got = name_image(len(features)), repr(cells[0])
            raise refuse(f"line {line} has another id", want, got)
        if cells[0] in places:
            got = f"{cells[0]!r} there and in line {places[cells[0]]}"
            raise refuse(f"line {line}: an id comes twice", "each id once", got)
        places[cells[0]] = line
        features.append(_parse_numbers(line, cells[1:], refuse))
    if len(features) != rows if rows else len(features) < _LEAST_ROWS:
        what = f"{path.name} has another number of rows than {rows:,}" if rows else "too few rows"
        raise refuse(what, f"{rows or 'at least 2'} rows", str(len(features)))
    _check_ids(places, refuse)
    return np.array(features)


def _read_lines(path: Path, refuse: Refuse) -> Iterator[tuple[int, list[str]]]:
    """A CSV file -> (number of the line where a row begins, its cells); blank ones are left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            ended = 0
            for cells in reader:
                if cells:
                    yield ended + 1, cells
                ended = reader.line_num
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refuse(f"{path} cannot be read", "a CSV file", str(error)) from error


def _parse_numbers(line: int, cells: list[str], refuse: Refuse) -> Array:
    """A line's number, its 2,048 cells -> (2048,) float64, finite."""
    is_plain = _MARKS.issuperset("".join(cells)) and max(map(len, cells)) <= _LONGEST
    if not is_plain or not all(cells):
        wrong = next((k for k, cell in enumerate(cells) if not _is_number(cell)), None)
        if wrong is not None:
            raise _refuse_cell(line, wrong, cells[wrong], refuse)
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        wrong = next(k for k, cell in enumerate(cells) if not _is_number(cell))
        raise _refuse_cell(line, wrong, cells[wrong], refuse) from None
    if not np.isfinite(values).all():
        wrong = int(np.flatnonzero(~np.isfinite(values))[0])
        raise _refuse_cell(line, wrong, cells[wrong], refuse)
    return values


def _is_number(cell: str) -> bool:
    """A cell -> whether the scorer reads a number there, finite or not."""
    digits = cell.strip(" \t").lstrip("+-")
    return bool(_NUMBER.fullmatch(cell)) and not (digits.isdigit() and len(digits) > _LONGEST)


def _refuse_cell(line: int, column: int, cell: str, refuse: Refuse) -> PipelineError:
    want = "a finite number in plain digits"
    return refuse(f"line {line}, column f{column}", want, repr(cell[:40]))


def _check_ids(places: dict[str, int], refuse: Refuse) -> None:
    """Refuse an id that no row of so many can have; `places` holds the line of each id."""
    expected = {name_image(index) for index in range(len(places))}
    wrong = next((name for name in places if name not in expected), None)
    if wrong is not None:
        want = f"{name_image(0)} ... {name_image(len(places) - 1)}"
        raise refuse(f"line {places[wrong]}: an id does not belong there", want, repr(wrong[:40]))
