"""Choose the output files that are asked for, and refuse names that cannot be written."""

import os
import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from lib.base.errors import InputError, PipelineError
from lib.base.run_files import MANIFEST
from lib.kaggle.client.kernels import OutputFile
from lib.kaggle.client.secrets import clean_words

_FOLDERS, _PART_BYTES, _BYTES = 32, 255, 1000  # of a name: folders, of each part, of the whole
# What no name may hold on Windows; elsewhere it must not be taken for a path of Windows.
_UNFIT = r'[\\:*?"<>|]' if os.name == "nt" else r"\\|^[A-Za-z]:"
_SHOWN = 100  # characters of a name in a message


def choose_files(
    files: Sequence[OutputFile], patterns: Sequence[str], secrets: Sequence[str]
) -> list[OutputFile]:
    """(files, patterns such as "*.csv") -> those that one of them names, and the manifest.

    Without a pattern these are all files. A pattern without a slash also names files in folders.
    Raise InputError where a pattern names none.
    """
    if not patterns:
        return list(files)
    for pattern in patterns:
        if not any(_fits(file.name, pattern) for file in files):
            names = ", ".join(show_name(file.name, secrets) for file in files[:5])
            raise InputError(
                "fetch",
                "no output file has such a name",
                expected=f"a pattern of {names}{', ...' if len(files) > 5 else ''}"
                if names
                else "",
                got=f"--file-pattern {pattern}",
                cure="fetch without --file-pattern saves all",
            )
    return [
        file
        for file in files
        if file.name == MANIFEST or any(_fits(file.name, pattern) for pattern in patterns)
    ]


def check_names(files: Sequence[OutputFile], secrets: Sequence[str] = ()) -> None:
    """Raise PipelineError for a name that leaves the folder, clashes or suits no disk."""
    seen: set[str] = set()
    for file in files:
        if _is_odd(file.name):
            raise _refuse(file.name, "relative names without .. and controls", secrets)
        if _is_long(file.name):
            most = f"{_FOLDERS} folders, {_PART_BYTES} bytes a part and {_BYTES:,} in all"
            raise _refuse(file.name, f"at most {most}", secrets)
        folded = _fold(file.name)
        if folded in seen or folded == ".":
            raise _refuse(file.name, "distinct names, also where case does not count", secrets)
        seen.add(folded)
    for file in files:
        if any(str(folder) in seen for folder in PurePosixPath(_fold(file.name)).parents):
            raise _refuse(file.name, "no folder with the name of a file", secrets)


def may_be_written(name: str) -> bool:
    """Tell whether a name by itself stays below the folder and suits a disk."""
    return not _is_odd(name) and not _is_long(name)


def show_name(name: str, secrets: Sequence[str]) -> str:
    """A file's name -> a short text of it that may be shown."""
    shown = clean_words(name, secrets)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or ("/" not in pattern and fnmatchcase(_last(name), pattern))


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _is_odd(name: str) -> bool:
    path = PurePosixPath(name)
    leaves = not name or path.is_absolute() or ".." in path.parts
    return leaves or re.search(_UNFIT, name) is not None or not name.isprintable()


def _is_long(name: str) -> bool:
    parts = PurePosixPath(name).parts
    is_wide = any(len(part.encode()) > _PART_BYTES for part in parts)
    return is_wide or len(parts) > _FOLDERS + 1 or len(name.encode()) > _BYTES


def _fold(name: str) -> str:
    """A name -> the same for all names that some disk takes for one."""
    return unicodedata.normalize("NFC", str(PurePosixPath(name))).casefold()


def _refuse(name: str, expected: str, secrets: Sequence[str]) -> PipelineError:
    return PipelineError(
        "fetch",
        "an output file has a name that must not be written",
        expected=expected,
        got=show_name(repr(name), secrets),
        cure="nothing was saved; --file-pattern chooses other files; this one can be had on "
        "kaggle.com",
    )
