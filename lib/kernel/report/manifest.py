"""A run's output <-> run_manifest.json: the hash of each other file, and of each of its own keys.

Whoever changes a file and its hash alike is not found: the manifest holds no secret.
"""

import errno
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.files import sha256_bytes, sha256_file, write_json
from lib.base.run_files import MANIFEST

_SEAL = "seal"  # key -> sha256 of its value, for each other key of the manifest


@dataclass(frozen=True)
class Manifest:
    """What run_manifest.json says, and what in it is not as the run wrote it."""

    values: dict[str, Any]  # without the seal
    damage: tuple[str, ...] = ()  # "'config' was changed" and so on
    is_sealed: bool = False  # False: of an earlier version, whose own lines cannot be checked

    def is_changed(self, *keys: str) -> bool:
        """Tell whether the value of one of these keys is not the one that was written."""
        return not {_say_changed(key) for key in keys}.isdisjoint(self.damage)

    def tell_damage(self) -> list[str]:
        """Name what was changed in it, as find_damage names files."""
        return [f"{MANIFEST}: {wrong}" for wrong in self.damage]


def write_manifest(output: Path, facts: Mapping[str, Any]) -> None:
    """Write run_manifest.json: the facts, the hash of each other file of the output, and a seal."""
    names = [name for name, kind in list_entries(output).items() if not kind and name != MANIFEST]
    whole = {**facts, "artefacts": {name: sha256_file(output / name) for name in names}}
    seal = {key: _hash_value(value) for key, value in whole.items()}
    write_json(output / MANIFEST, {**whole, _SEAL: seal})


def read_manifest(output: Path) -> Manifest:
    """Read run_manifest.json and find what of it was changed; OSError where it cannot be read."""
    path = output / MANIFEST
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    content = path.read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        return Manifest({}, (f"is no JSON: {error}",))
    if not isinstance(found, dict):
        return Manifest({}, ("is no JSON object",))
    values = {key: value for key, value in found.items() if key != _SEAL}
    seal = found.get(_SEAL)
    if seal is None:  # of an earlier version, unless another key holds what a seal does
        lost = [key for key, each in values.items() if _is_seal(each, values.keys() - {key})]
        return Manifest(values, tuple(map(_say_changed, lost)))
    stated = seal if isinstance(seal, dict) else {}
    changed = [
        key
        for key in sorted({*values, *stated})
        if key not in values or stated.get(key) != _hash_value(values[key])
    ]
    damage = [_say_changed(key) for key in changed]
    written = (json.dumps(found, indent=1, sort_keys=True) + "\n").encode()
    if content != written:
        lines = zip(content.split(b"\n"), written.split(b"\n"), strict=False)
        same = next((k for k, (one, other) in enumerate(lines) if one != other), None)
        end = min(content.count(b"\n"), written.count(b"\n"))
        damage.append(f"line {(end if same is None else same) + 1} is not as it was written")
    return Manifest(values, tuple(damage), is_sealed=True)


def list_entries(output: Path) -> dict[str, str]:
    """A folder -> name of all below it but folders -> "", or what it is if it is no plain file."""
    found = {}
    for place, folders, files in os.walk(output):  # what links lead to is not looked into
        for name in (*folders, *files):
            path = Path(place, name)
            try:
                kind = _name_kind(os.lstat(path).st_mode)
            except OSError:
                kind = "cannot be looked at"
            if kind != "is a folder":
                found[path.relative_to(output).as_posix()] = kind
    return dict(sorted(found.items()))


def find_damage(output: Path, manifest: Mapping[str, Any]) -> list[str]:
    """(output folder, its manifest) -> "name is missing" or "name was changed", one per file.

    What was changed in run_manifest.json itself comes first.
    """
    listed = manifest["artefacts"] if isinstance(manifest["artefacts"], dict) else {}
    checked = {name: _check_file(output, name, digest) for name, digest in listed.items()}
    damage = [f"{name} {wrong}" for name, wrong in checked.items() if wrong]
    return [*read_manifest(output).tell_damage(), *damage]


def _check_file(output: Path, name: str, digest: object) -> str:
    """(output folder, a file's name, its hash) -> what is wrong with that file, or ""."""
    path = output / name
    try:
        if path.parent.resolve() != output.resolve() / Path(name).parent:
            return "is behind a link"
        wrong = _name_kind(os.lstat(path).st_mode)
        return wrong or ("" if sha256_file(path) == digest else "was changed")
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _name_kind(mode: int) -> str:
    """A mode of lstat -> "" for a plain file, else "is a link" and so on."""
    kinds = {stat.S_IFREG: "", stat.S_IFLNK: "is a link", stat.S_IFDIR: "is a folder"}
    return kinds.get(stat.S_IFMT(mode), "is no plain file")


def _hash_value(value: Any) -> str:
    return sha256_bytes(json.dumps(value, sort_keys=True).encode())


def _is_seal(value: Any, others: set[str]) -> bool:
    return isinstance(value, dict) and bool(others) and value.keys() == others


def _say_changed(key: str) -> str:
    return f"{key!r} was changed"
