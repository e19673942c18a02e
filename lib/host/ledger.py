"""Events of the Kaggle loop -> runs/ledger.jsonl, one JSON object a line, only ever appended to."""

import fcntl
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from lib.kernel.progress import log

LEDGER = Path("runs") / "ledger.jsonl"  # relative to the repository's root


def append_event(path: Path, event: str, ref: str, version: int, **facts: Any) -> None:
    """(ledger, kind of event, owner/slug, version, facts) -> one more line, on disk on return.

    The file is locked for the moment of writing, so two processes at once lose nothing; the lock
    ends with its process.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fields = {"time": now, "event": event, "ref": ref, "version": version, **facts}
    line = json.dumps(_replace_nan(fields), sort_keys=True, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _repair_tail(file)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_events(path: Path) -> list[dict[str, Any]]:
    """The ledger -> its events in the order of writing; a line that is no event is named and left.

    A last line without its end is one that a crash tore: it counts only if it is whole JSON.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    events = []
    for number, line in enumerate(lines, start=1):
        event = _parse_event(line)
        if event is not None:
            events.append(event)
        elif line and number < len(lines):
            log("ledger", f"line {number} of {path.name} is no event and is left out")
    return events


def _repair_tail(file: BinaryIO) -> None:
    """A file, locked -> the same, ending in a line end; a torn last line is cut off."""
    content_end = file.seek(0, os.SEEK_END)
    file.seek(0)
    content = file.read()
    tail = content[content.rfind(b"\n") + 1 :]
    if not tail:
        return
    if _parse_event(tail) is not None:
        file.write(b"\n")
        return
    file.truncate(content_end - len(tail))
    log("ledger", f"cut off a torn last line of {len(tail)} bytes")


def _parse_event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    known = isinstance(event, dict) and isinstance(event.get("event"), str)
    named = known and isinstance(event.get("ref"), str) and isinstance(event.get("version"), int)
    return event if named else None


def _replace_nan(value: Any) -> Any:
    """A JSON value -> the same with None for NaN and infinities, which JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _replace_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_nan(entry) for entry in value]
    return value
