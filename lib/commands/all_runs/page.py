"""All runs -> board.html, one file that needs no network: the template with the runs as JSON."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.base.run_files import REPORT
from lib.commands.all_runs.collect import Collected
from lib.commands.all_runs.pictures import GRIDS, Album
from lib.commands.all_runs.row import RunRow, show_path
from lib.kernel.configuration.config import show_value

TEMPLATE = Path("kernel_template") / "board.html"
_PLACE = "{{ DATA }}"  # in the template
_LONGEST = 300  # letters of a value that is shown


def make_page(collected: Collected, root: Path, target: Path) -> tuple[str, list[str]]:
    """(all runs, the root, where the page will lie) -> its text, and lines on what is left out."""
    template = (root / TEMPLATE).read_text(encoding="utf-8")
    assert template.count(_PLACE) == 1, f"{TEMPLATE} has one place for the runs"
    album = Album()
    shown = [_show_run(row, root, target, album) for row in collected.rows]
    notes = [*collected.notes, *album.notes]
    data = {
        "made": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": shown,
        "pictures": album.uris,
        "notes": notes,
    }
    return template.replace(_PLACE, escape_json(data)), notes


def escape_json(data: Any) -> str:
    """JSON values -> text for a script element, which no text in them can end."""
    text = json.dumps(data, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _show_run(row: RunRow, root: Path, target: Path, album: Album) -> dict[str, Any]:
    """A row -> what the page shows of it: its JSON, its pictures' keys, a link to its report."""
    shown = {
        **row.as_json(),
        "config": _show_config(row.config or {}),
        "short": row.comparison.short if row.comparison else None,
        "ratio_words": row.multiple.describe() if row.multiple else None,
    }
    if row.folder is None:
        return {**shown, **dict.fromkeys((*GRIDS, "report"))}
    folder = root / row.folder
    grids = {name: album.add(folder / f"{name}.png", show_path(row.folder)) for name in GRIDS}
    report = folder / REPORT
    has_report = report.is_file() and not report.is_symlink()
    return {**shown, **grids, "report": _link(report, target) if has_report else None}


def _show_config(config: Mapping[str, Any]) -> dict[str, str]:
    """A configuration -> its values as users write them."""
    shown = {}
    for key, value in config.items():
        if key == "given":
            continue
        told = show_value(key, value)
        text = told if isinstance(told, str) else json.dumps(told)
        shown[key[:_LONGEST]] = text[:_LONGEST]
    return shown


def _link(path: Path, target: Path) -> str:
    """(a file, where the page will lie) -> the relative address of the file."""
    relative = os.path.relpath(path.absolute(), target.absolute().parent)
    return quote(os.fsencode(Path(relative).as_posix()))
