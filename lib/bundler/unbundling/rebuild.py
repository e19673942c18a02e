"""A bundle, its manifest and the same built anew -> what differs, a line for each file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.bundler.render import drop_shebang
from lib.bundler.unbundling.unbundle import is_notebook, unbundle

_HASH = re.compile(
    rb"^# content sha256 \(of this text with zeros in its place\): ([0-9a-f]{64})", re.M
)
_OF_ANOTHER_VERSION = (
    "all files agree, and yet the text is another one: "
    "it was made by another version of the bundler, or from other settings of it"
)


@dataclass(frozen=True)
class Rebuilt:
    """A bundle and its manifest built anew, in memory alone."""

    content: bytes
    manifest: Mapping[str, Any]


def find_differences(
    raw: bytes, recorded: Mapping[str, Any], made: Rebuilt, shown: str
) -> list[str]:
    """(a bundle, its manifest, both built anew, the bundle's path) -> lines; none: they agree."""
    lines = compare_inputs(recorded, made.manifest)
    raw = raw.replace(b"\r\n", b"\n")  # an editor's, or git's: no bundle of ours holds any
    if raw == made.content:
        return lines
    lines += _find_edits(raw, made.content, recorded, shown)
    return lines or [f"{shown}: {_OF_ANOTHER_VERSION}"]


def compare_inputs(recorded: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """Two manifests, the older first -> a line for each file that is in one alone or differs."""
    old, new = ({one["path"]: one for one in each["inputs"]} for each in (recorded, manifest))
    lines = []
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            lines.append(f"{path}: gone")
        elif path not in old:
            lines.append(f"{path}: new")
        elif old[path]["sha256"] != new[path]["sha256"]:
            lines.append(f"{path}: changed")
    return lines


def _find_edits(raw: bytes, made: bytes, recorded: Mapping[str, Any], shown: str) -> list[str]:
    """(a bundle, the one built anew, its manifest, its path) -> what was edited in the first."""
    if not is_notebook(raw):
        told = _HASH.search(raw)
        if told is None:
            return [f"{shown}: edited, it tells no content sha256 any more"]
        if told[1].decode() != recorded["sha256"]:
            return [f"{shown}: not the bundle that its manifest is of"]
        if sha256_bytes(drop_shebang(raw).replace(told[1], b"0" * 64, 1)) == told[1].decode():
            return []
    try:
        found, anew = unbundle(raw, shown), unbundle(made, shown)
    except InputError as error:
        return [f"{shown}: edited, and cannot be read: {error.what}"]
    known = {one["path"]: one["sha256"] for one in recorded["inputs"]}
    lines = [
        f"{each.path}: edited in {shown}"
        for each in found.files
        if sha256_bytes(each.content) != known.get(each.path)
    ]
    if found.preface != anew.preface:
        lines.append(f"{shown}: edited above its files")
    is_script = not is_notebook(raw)
    return lines or ([f"{shown}: edited outside of its files"] if is_script else [])
