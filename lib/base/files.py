"""Write files atomically, read JSON and hash files."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_PART = re.compile(r"\..+\.\w{8}\.part")  # as `replacing` names a file until it is whole


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the path's place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp's 0600 would hide results from other users
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write a text atomically as UTF-8, with its own line ends."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys and an indent of one."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes; the copy is there as a whole or not at all."""
    with source.open("rb") as file, replacing(target) as copy:
        shutil.copyfileobj(file, copy)


def remove_parts(folder: Path) -> None:
    """Delete what killed processes left of unfinished files in a folder that nobody else uses."""
    for place, _, names in os.walk(folder):
        for name in names:
            if _PART.fullmatch(name):
                Path(place, name).unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read a JSON file; None where it is absent or broken."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):  # the last one: nested a thousand deep
        return None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file's object; an empty one where it is absent, broken or of another kind."""
    value = read_json(path)
    return value if isinstance(value, dict) else {}


def sha256_bytes(content: bytes) -> str:
    """Bytes -> 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hash a file in pieces of a megabyte; return 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
