"""Name a data set in dataset_sources of kernel-metadata.json, and leave every other byte there."""

import json
import re
from pathlib import Path

from lib.base.files import write_bytes
from lib.kaggle.metadata_fields import parse_metadata, read_fields

_KEY = "dataset_sources"
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def attach_data_set(path: Path, source: str) -> str:
    """Write "owner/slug" or "owner/slug/version" into the file; return what was changed, or "".

    An entry of the same data set with another version, or none, is replaced.
    """
    metadata = parse_metadata(read_fields(path))
    name = _name(source)
    kept = [entry for entry in metadata.dataset_sources if _name(entry) != name]
    others = [entry for entry in metadata.dataset_sources if _name(entry) == name]
    if [entry.lower() for entry in others] == [source.lower()]:
        return ""
    text = path.read_bytes().decode()
    new = replace_list(text, _KEY, [*kept, source])
    assert read_text_fields(new)[_KEY] == [*kept, source], "the file would not say what is meant"
    write_bytes(path.resolve(), new.encode())  # through a link, to the file that it names
    return f"{', '.join(others)} became {source}" if others else f"{source} was added"


def replace_list(text: str, key: str, entries: list[str]) -> str:
    """(a JSON object's text, one of its keys, texts) -> the same text with that list there.

    A list of one line stays one; else each entry has its line, as far in as its neighbours.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    spans = _find_values(text)
    items = [json.dumps(entry, ensure_ascii=False) for entry in entries]
    if key not in spans:
        at = max((end for _, end in spans.values()), default=text.index("{") + 1)
        lead = _find_lead(text, min((start for start, _ in spans.values()), default=at))
        gap = f"{newline}{lead}" if lead is not None else " " * bool(spans)
        value = _format_list(items, lead, newline)
        return f"{text[:at]}{',' * bool(spans)}{gap}{json.dumps(key)}: {value}{text[at:]}"
    start, end = spans[key]
    old = text[start:end]
    is_flat = "\n" not in old and json.loads(old) != []
    lead = None if is_flat else _find_lead(text, start)
    return text[:start] + _format_list(items, lead, newline) + text[end:]


def read_text_fields(text: str) -> dict[str, object]:
    """A JSON object's text, perhaps behind a byte order mark -> its fields."""
    fields = json.loads(text.removeprefix(_BOM))
    assert isinstance(fields, dict)
    return fields


def _name(source: str) -> str:
    """owner/slug/version -> owner/slug, as Kaggle compares names."""
    return "/".join(source.lower().split("/")[:2])


def _find_values(text: str) -> dict[str, tuple[int, int]]:
    """A JSON object's text -> where each key's value begins and ends; of doubled keys the last."""
    spans, read = {}, json.JSONDecoder().raw_decode
    at = _skip(r"[\s,]*", text, text.index("{") + 1)
    while text[at] != "}":
        key, end = read(text, at)
        start = _skip(r"\s*:\s*", text, end)
        spans[key] = start, read(text, start)[1]
        at = _skip(r"[\s,]*", text, spans[key][1])
    return spans


def _skip(pattern: str, text: str, at: int) -> int:
    found = re.compile(pattern).match(text, at)
    assert found, "the JSON was read before"
    return found.end()


def _find_lead(text: str, at: int) -> str | None:
    """(a text, a place) -> the blanks its line begins with; None: there the object begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    rest = line.lstrip(f" \t{_BOM}")
    return None if rest.startswith("{") else line[: len(line) - len(rest)]


def _format_list(items: list[str], lead: str | None, newline: str) -> str:
    if lead is None:
        return f"[{', '.join(items)}]"
    inner = newline + lead * 2
    return f"[{inner}{f',{inner}'.join(items)}{newline}{lead}]" if items else "[]"
