"""A bundle, a script or a notebook, edited or not -> the files that it holds, by their own paths."""

import json
import re
from dataclasses import dataclass

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.bundler.read_script import STAGE, read_script
from lib.bundler.read_section import read_section

_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True)
class BundledFile:
    """One file as it is in the bundle now."""

    path: str  # from the folder that was bundled, with "/"
    content: bytes
    sha256: str  # of the file that was bundled

    @property
    def is_edited(self) -> bool:
        """Tell whether its section was edited since it was bundled."""
        return sha256_bytes(self.content) != self.sha256


@dataclass(frozen=True)
class Unbundled:
    """What a bundle holds, without the runtime's parts."""

    entry: str  # the path of the program that runs
    files: tuple[BundledFile, ...]
    preface: str  # Python above the files, such as CONFIG, which is in no file
    strays: tuple[tuple[int, str], ...]  # (number, line) that is in no file either


def unbundle(raw: bytes, shown: str) -> Unbundled:
    """(the bytes of a bundle, its path for messages) -> its files; InputError where it is none."""
    if raw.lstrip()[:1] == b"{":
        found = _unbundle_notebook(raw, shown)
    else:
        script = read_script(raw, shown)
        files = tuple(
            BundledFile(part.row.path, read_section(part, shown), part.row.sha256)
            for part in script.parts
        )
        found = Unbundled(script.entry, files, script.preface, script.strays)
    for file in found.files:
        refuse_way_out(file.path, shown)
    return found


def refuse_way_out(path: str, shown: str) -> None:
    """Raise InputError for a path of a bundle's table that is no plain path inside a folder."""
    parts = path.split("/")
    if _DRIVE.match(path) or "\\" in path or "\0" in path or {"", ".", ".."} & {*parts}:
        said = f"{shown}: its table names {path!r}, which would be written outside of the folder"
        raise InputError(STAGE, f"{said}; cure: trust no bundle that does so, or mend its table")


def _unbundle_notebook(raw: bytes, shown: str) -> Unbundled:
    raise NotImplementedError
