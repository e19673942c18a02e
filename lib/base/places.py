"""Check paths that a user gave, before anything is read or written there."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.base.errors import InputError

_KINDS = (  # what a path can be besides a file or a folder
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_READ = "name a place that you may read"
_WRITE = "name another place, or mend that one's rights"


@contextmanager
def explain_lost(stage: str, folder: Path) -> Iterator[None]:
    """Raise InputError where a file of an input that was there is missing within the block."""
    try:
        yield
    except FileNotFoundError as error:
        if error.filename is None or not Path(error.filename).is_relative_to(folder):
            raise
        what, cure = (
            "the input went away while it was read",
            "bring it back; the same command goes on",
        )
        raise InputError(stage, what, got=str(error.filename), cure=cure) from None


def check_input_file(stage: str, path: Path, cure: str = _READ) -> Path:
    """Return the path of a plain file whose bytes can be read; refuse any other."""
    kind = _name_kind(stage, path, cure)
    if kind != "a file":
        raise _refuse(stage, "the input is no file", "a file", path, kind, cure)
    _try_to_read(stage, path, cure)
    return path


def check_input_place(stage: str, path: Path, cure: str = _READ) -> Path:
    """Return the path of a readable folder, or of a plain file such as a zip; refuse others."""
    kind = _name_kind(stage, path, cure)
    if kind not in ("a file", "a folder"):
        raise _refuse(stage, "the input cannot be read", "a folder or a file", path, kind, cure)
    _try_to_read(stage, path, cure)
    return path


def check_output_folder(
    stage: str, path: Path, cure: str = _WRITE, wanted: str = "a folder"
) -> Path:
    """Return the path of a folder that is writable or can be created; refuse any other.

    The test is to open a file without a name in the folder or above it, so nothing is left there.
    """
    kind = _name_kind(stage, path, cure, may_be_missing=True)
    if kind not in ("", wanted):
        what = f"the output is no {wanted.removeprefix('a ')}"
        raise _refuse(stage, what, wanted, path, kind, cure)
    folder = path if kind == "a folder" else path.absolute().parent
    _try_to_write(stage, folder, path, cure)
    return path


def _name_kind(stage: str, path: Path, cure: str, may_be_missing: bool = False) -> str:
    """A path -> what it is, in words; "" where it is missing and may be."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise _refuse(stage, "the link leads nowhere", "", path, "", cure) from None
        if may_be_missing:
            return ""
        raise _refuse(stage, "there is no such file or folder", "", path, "", cure) from None
    except (OSError, ValueError) as error:
        raise _explain(stage, "the place cannot be looked up", path, error, cure) from None
    if stat.S_ISREG(mode):
        return "a file"
    if stat.S_ISDIR(mode):
        return "a folder"
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")


def _try_to_read(stage: str, path: Path, cure: str) -> None:
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                next(entries, None)
        else:
            with path.open("rb") as file:
                file.read(1)
    except OSError as error:
        raise _explain(stage, "the input cannot be read", path, error, cure) from None


def _try_to_write(stage: str, folder: Path, path: Path, cure: str) -> None:
    """Raise InputError if no file can be created in an output's folder or above it."""
    above = folder
    try:
        while not above.exists() and above != above.parent:
            above = above.parent
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise _explain(stage, "the output cannot be written", path, error, cure) from None


def _refuse(stage: str, what: str, expected: str, path: Path, kind: str, cure: str) -> InputError:
    got = f"{kind}, {path}" if kind else str(path)
    return InputError(stage, what, expected=expected, got=got, cure=cure)


def _explain(stage: str, what: str, path: Path, error: Exception, cure: str) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(stage, what, got=f"{path}: {reason}", cure=cure)
