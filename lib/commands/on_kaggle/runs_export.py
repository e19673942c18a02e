"""Rows of `runs --json` -> a table for spreadsheets, a line for each row."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lib.commands.all_runs.row import show_line

CSV = "csv"
EXPORTS = (CSV, "trackio")
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_NESTED = "metrics"  # an object whose keys become columns of their own


def export_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of JSON values -> CSV with a head; what is unknown stays empty.

    The keys of "metrics" are columns; other lists and objects are JSON in one cell.
    """
    flat = [_flatten(row) for row in rows]
    head = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if head:
        writer.writerow(map(show_line, head))
    for row in flat:
        writer.writerow([_show(row.get(key)) for key in head])
    return text.getvalue()


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row -> the same with the keys of its metrics beside its own."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key == _NESTED and isinstance(value, Mapping):
            flat.update(
                {name if name not in row else f"{key}.{name}": value[name] for name in value}
            )
        else:
            flat[key] = value
    return flat


def _show(value: Any) -> str:
    """A JSON value -> the text of its cell."""
    if value is None:
        return ""
    if isinstance(value, str):  # a spreadsheet would compute it, where it begins so
        is_number = re.fullmatch(_NUMBER, value, re.ASCII) is not None
        return ("'" if value[:1] in _COMPUTED and not is_number else "") + show_line(value)
    return json.dumps(value, sort_keys=True)
