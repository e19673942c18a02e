"""Check a file before it leaves as a data set: its size, what it holds, and its sha256."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.base.errors import InputError, PipelineError
from lib.base.places import check_input_file
from lib.kaggle.client.secrets import find_secrets, spell_secrets

DATA_SET_BYTES = 200 * 10**9  # of all files of a data set, as Kaggle documents it
_PIECE = 1 << 20
_TOKEN = re.compile(rb"KGAT_\w{16}")  # also in a file that is no text
_CURE = "take it out of the file, and revoke a leaked token; nothing was sent"


@dataclass(frozen=True)
class Content:
    """A file to be uploaded, as it was when it was hashed."""

    path: Path
    name: str  # of the file on Kaggle
    sha256: str
    size: int
    changed_ns: int

    def demand_unchanged(self) -> None:
        """Raise PipelineError where the file is no longer the one that was hashed."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.changed_ns):
            raise PipelineError(
                "weights",
                f"{self.path.name} changed while it was uploaded, so no data set was made of it",
                cure="wait until it is written, then run the same command again",
            )


def read_content(path: Path, name: str, secrets: Sequence[str]) -> Content:
    """(a file, its name on Kaggle, texts that must not leave) -> Content; InputError for others."""
    check_input_file("weights", path, "give the path of one file")
    about = path.stat()
    if not about.st_size:
        raise InputError("weights", "the file is empty", got=str(path), cure="write it again")
    if about.st_size > DATA_SET_BYTES:
        raise InputError(
            "weights",
            "the file is larger than Kaggle takes for a data set",
            expected=f"{DATA_SET_BYTES:,} bytes at most",
            got=f"{about.st_size:,} bytes, {path}",
            cure="split it, or keep less of it",
        )
    if not name.isprintable():
        got, cure = repr(name), "rename it: kernels find the file by its name"
        raise InputError("weights", "the file's name cannot be shown", got=got, cure=cure)
    return Content(path, name, _scan(path, secrets), about.st_size, about.st_mtime_ns)


def _scan(path: Path, secrets: Sequence[str]) -> str:
    """Hash a file; raise InputError where it holds a secret."""
    forms = spell_secrets(tuple(secrets))
    needles = [form.encode(code) for form in forms for code in ("utf-8", "utf-16-le")]
    overlap = max(map(len, needles), default=0) + 64
    digest, rest, line = hashlib.sha256(), b"", 1
    with path.open("rb") as file:
        is_text = b"\0" not in file.read(_PIECE)
        file.seek(0)
        while piece := file.read(_PIECE):
            digest.update(piece)
            window = rest + piece
            if any(needle in window for needle in needles) or _TOKEN.search(window):
                raise _refuse(path, "a Kaggle credential")
            end = window.rfind(b"\n") + 1 if is_text else 0
            line = _scan_lines(path, window[: end or None], line, secrets) if is_text else line
            rest = window[end:] if end else window[-overlap:]
    if is_text:
        _scan_lines(path, rest, line, secrets)
    return digest.hexdigest()


def _scan_lines(path: Path, lines: bytes, first: int, secrets: Sequence[str]) -> int:
    """Raise InputError for a secret known by its form; return the number of the next line."""
    for number, what in find_secrets(lines.decode(errors="replace"), secrets):
        raise _refuse(path, f"line {first + number - 1}: {what}")
    return first + lines.count(b"\n")


def _refuse(path: Path, got: str) -> InputError:
    what = f"nothing was sent, for {path.name} holds what must not leave"
    return InputError("secrets", what, got=got, cure=_CURE)
