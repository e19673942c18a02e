"""A bundle, script or notebook, edited or not -> its files by their own paths."""

import re

from lib.base.errors import InputError
from lib.bundler.unbundling.bundled_file import BundledFile, Unbundled
from lib.bundler.unbundling.read_script import STAGE, read_script
from lib.bundler.unbundling.read_section import list_outside, read_section
from lib.bundler.unbundling.read_written_cells import find_pasted, read_written_cells

_DRIVE = re.compile("[A-Za-z]:")


def unbundle(raw: bytes, shown: str) -> Unbundled:
    """(the bytes of a bundle, its path for messages) -> its files; InputError where it is none."""
    pasted = find_pasted(raw, shown) if is_notebook(raw) else None
    if is_notebook(raw) and pasted is None:
        found = read_written_cells(raw, shown)
    else:
        raw = raw if pasted is None else pasted
        script = read_script(raw, shown)
        files = tuple(
            BundledFile(part.row.path, read_section(part, shown), part.row.sha256)
            for part in script.parts
        )
        outside = [each for part in script.parts for each in list_outside(part)]
        strays = tuple(sorted([*script.strays, *outside]))
        found = Unbundled(script.entry, files, script.preface, strays)
    for file in found.files:
        _refuse_way_out(file.path, shown)
    return found


def is_notebook(raw: bytes) -> bool:
    """Tell whether the bytes of a bundle are a notebook's."""
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def _refuse_way_out(path: str, shown: str) -> None:
    """Raise InputError for a path of a bundle's table that is no plain path inside a folder."""
    parts = path.split("/")
    if _DRIVE.match(path) or "\\" in path or "\0" in path or {"", ".", ".."} & {*parts}:
        said = f"{shown}: its table names {path!r}, which would be written outside of the folder"
        raise InputError(STAGE, f"{said}; cure: trust no bundle that does so, or mend its table")
