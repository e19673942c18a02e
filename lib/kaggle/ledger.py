"""Append events of the Kaggle loop to runs/ledger.jsonl, one JSON object a line; read them."""

import json
import math
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from lib.base.disk_errors import explain_disk
from lib.base.file_lock import lock, lock_to_read
from lib.base.log import log

LEDGER = Path("runs") / "ledger.jsonl"  # relative to the repository's root
# Kinds of calls that have an intent each.
PUSH, SUBMIT, DATA_SET = "push", "submit", "data_set"
NEVER = "it never arrived"
_INTENTS = {PUSH: "pushing", SUBMIT: "submitting", DATA_SET: "data_set_sending"}
_REFUSALS = {PUSH: "unpushed", SUBMIT: "unsubmitted", DATA_SET: "data_set_unsent"}
_LATEST_S = 24 * 3600.0  # after that nobody looks for an effect any more


def append_event(path: Path, event: str, ref: str, version: int, **facts: Any) -> None:
    """Append an event to the ledger and sync it to the disk.

    The file is locked while the line is written, so two processes lose nothing. The lock ends with
    its process.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    fields = {"time": now, "event": event, "ref": ref, "version": version, **facts}
    line = json.dumps(replace_nan(fields), sort_keys=True, allow_nan=False) + "\n"
    what = f"the {event} of {ref} version {version} cannot be recorded"
    with explain_disk("ledger", what, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            lock(file)
            _repair_tail(file)
            _write_whole(file, line.encode())


def read_events(path: Path, tell: bool = False) -> list[dict[str, Any]]:
    """Read the ledger's events in the order of writing; `tell` reports invalid lines.

    A last line without a newline was cut off by a crash. It counts only if it is complete JSON.
    """
    cure = "mend its rights, or move it away: the next push begins a new one"
    try:
        with explain_disk("ledger", "it cannot be read", path, cure), path.open("rb") as file:
            lock_to_read(file)
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    events = []
    for number, line in enumerate(lines, start=1):
        event = _parse_event(line)
        if event is not None:
            events.append(event)
        elif line and number < len(lines) and tell:
            log("ledger", f"line {number} of {path.name} is no event and is left out")
    return events


def list_pending(events: Sequence[dict[str, Any]], kind: str = PUSH) -> list[dict[str, Any]]:
    """Events -> the intents of a kind whose outcome no event records, each with its facts."""
    name = f"{kind}_id"
    intents = _find_intents(events, kind)
    closed = {str(event.get(name)) for event in events if event["event"] in (kind, _REFUSALS[kind])}
    return [_give_facts(each, intents) for key, each in intents.items() if key not in closed]


def list_lost(events: Sequence[dict[str, Any]], kind: str = PUSH) -> list[dict[str, Any]]:
    """Events -> the intents that count as not arrived, but whose effect may still turn up."""
    name, intents = f"{kind}_id", _find_intents(events, kind)
    done = {str(event.get(name)) for event in events if event["event"] == kind}
    given_up = {
        str(event.get(name))
        for event in events
        if event["event"] == _REFUSALS[kind] and (event.get("lost") or event.get("reason") == NEVER)
    }
    return [
        _give_facts(each, intents)
        for key, each in intents.items()
        if key in given_up - done and read_age(each) < _LATEST_S
    ]


def is_settled(events: Sequence[dict[str, Any]]) -> bool:
    """Tell whether the events leave no push, submission or data set to look up on Kaggle."""
    is_pending = any(list_pending(events, kind) for kind in _INTENTS)
    return not (is_pending or any(list_lost(events, kind) for kind in (PUSH, SUBMIT)))


def list_later(events: Sequence[dict[str, Any]], intent: dict[str, Any]) -> list[dict[str, Any]]:
    """(events, one of their intents) -> what came after it of the same kernel."""
    ids = [name for name in ("push_id", "submit_id") if name in intent]
    places = [
        place
        for place, event in enumerate(events)
        if all(event.get(name) == intent[name] for name in ids)
    ]
    later = events[places[0] + 1 :] if places else events
    return [event for event in later if event["ref"] == intent["ref"]]


def read_age(event: dict[str, Any]) -> float:
    """An event -> the seconds since it was written; 0 where its time is in no order."""
    try:
        then = datetime.fromisoformat(str(event.get("time")))
        return max(0.0, (datetime.now(UTC) - then).total_seconds())
    except (ValueError, TypeError, OverflowError):  # not a time, or one without a zone
        return 0.0


def _find_intents(events: Sequence[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    name, word = f"{kind}_id", _INTENTS[kind]
    return {e[name]: e for e in events if e["event"] == word and isinstance(e.get(name), str)}


def _give_facts(intent: dict[str, Any], intents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """(an intent, all by their ids) -> the intent with the facts of the one that it names."""
    return {**intents.get(str(intent.get("same_as")), {}), **intent}


def _write_whole(file: BinaryIO, line: bytes) -> None:
    """Append a whole line to a locked file and sync it; on OSError leave nothing of it there."""
    end, written = file.seek(0, os.SEEK_END), 0
    try:
        while written < len(line):  # a disk that is nearly full writes a part
            written += file.write(line[written:])
        os.fsync(file.fileno())
    except BaseException:
        file.truncate(end)
        raise


def _repair_tail(file: BinaryIO) -> None:
    """Make a locked file end in a newline; cut off an incomplete last line."""
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
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    ref, version = event.get("ref"), event.get("version")
    named = isinstance(ref, str) and re.fullmatch(r"[^/\s]+/[^/\s]+", ref)
    return event if named and type(version) is int else None


def replace_nan(value: Any) -> Any:
    """A value -> the same with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: replace_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [replace_nan(entry) for entry in value]
    return value
