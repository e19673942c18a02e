"""A version in which several variants ran: what its push and its fetched folder say of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.base.files import read_object
from lib.base.run_files import MANIFEST, METRICS
from lib.base.terminal import as_printable

_NAME = r"[a-z][a-z0-9-]*"  # of a variant and of its folder
# Of the push alone; whatever else a variant's row holds is its own.
_OF_PUSH = ("time", "event", "ref", "version", "status", "push_id", "sweep", "variants", "name")


@dataclass(frozen=True)
class FetchedVariant:
    """One variant's part of a fetched version."""

    name: str
    is_valid: bool
    error: str  # why it is not
    manifest: dict[str, Any]
    metrics: dict[str, Any]


def split_variant(text: str | None) -> tuple[str | None, str]:
    """ "3/name" or "slug/3/name" -> ("3" or "slug/3", "name"); no name: (the text, "")."""
    found = re.fullmatch(rf"((?:[a-z0-9-]+[/:])?v?\d+)/({_NAME})", text or "")
    return (found[1], found[2]) if found else (text, "")


def list_variants(push: Mapping[str, Any] | None) -> list[str]:
    """A push in the ledger -> the names of its variants; none where one run alone was pushed."""
    listed = (push or {}).get("variants")
    rows = listed if isinstance(listed, list) else []
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    return [name for name in names if isinstance(name, str) and re.fullmatch(_NAME, name)]


def narrow_push(push: dict[str, Any], name: str) -> dict[str, Any]:
    """(a push, a variant's name or "") -> the push as if that variant had been pushed alone."""
    if name not in list_variants(push):
        return push
    own = next(row for row in push["variants"] if isinstance(row, dict) and row.get("name") == name)
    return {**push, **{key: own[key] for key in own if key not in _OF_PUSH}}


def choose_variant(push: Mapping[str, Any] | None, name: str, ref: str, version: int) -> str:
    """Check the name of a variant against its push; InputError where it is missing or wrong."""
    names, where = list_variants(push), f"{ref.split('/')[1]}/{version}"
    if name in names or not (names or push):
        return name
    if not names and not name:
        return ""
    what = "this version is a run of its own" if not names else "this version holds several runs"
    told = [f"{where}/{each}" for each in names] or [where]
    raise InputError("version", what, got=name or "no name", cure=f"name {' or '.join(told)}")


def list_fetched(folder: Path) -> list[FetchedVariant]:
    """The folder of a fetched version -> its variants; none where one run alone is in it."""
    told = read_object(folder / MANIFEST).get("variants")
    ends = told if isinstance(told, dict) else {}
    names = [name for name in ends if re.fullmatch(_NAME, name) and isinstance(ends[name], dict)]
    found = []
    for name in names:
        manifest, metrics = (read_object(folder / name / file) for file in (MANIFEST, METRICS))
        is_valid = ends[name].get("valid") is True
        error = "" if is_valid else as_printable(str(ends[name].get("error") or "no reason given"))
        found.append(FetchedVariant(name, is_valid, error, manifest, metrics))
    return found
