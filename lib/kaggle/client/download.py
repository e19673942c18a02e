"""Download a run's files from signed addresses into a fresh folder, and check their sha256."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import requests

from lib.base.attempts import attempt
from lib.base.errors import PipelineError
from lib.base.files import sha256_file
from lib.base.log import log
from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.kernels import OutputFile
from lib.kaggle.client.timeouts import Patience

PIECE = 1 << 16  # bytes; a partial piece is lost, so a resumed download starts at a multiple
_STALE = (400, 401, 403, 404, 410)  # answers of a signed address that has expired


def check_names(files: list[OutputFile]) -> None:
    """Raise PipelineError for a file name that leaves the folder or clashes with another."""
    seen: set[str] = set()
    for file in files:
        path = PurePosixPath(file.name)
        odd = not file.name or path.is_absolute() or any(part == ".." for part in path.parts)
        odd = odd or re.search(r'[\\:*?"<>|]', file.name) is not None or not file.name.isprintable()
        folded = str(path).casefold()  # names that some disks take for one
        if odd or folded in seen or folded == ".":
            raise PipelineError(
                "fetch",
                "an output file has a name that must not be written",
                expected="distinct relative names without ..",
                got=repr(file.name),
                cure="nothing was saved; look at the kernel's output on kaggle.com",
            )
        seen.add(folded)


class Downloader:
    """Downloads the files of one version and continues what an earlier try left."""

    def __init__(
        self,
        plain: requests.Session,
        patience: Patience,
        partials: Path,
        relist: Callable[[], list[OutputFile]],
    ) -> None:
        self._plain = plain
        self._patience = patience
        self._partials = partials
        self._relist = relist  # asks Kaggle for fresh addresses

    def save(self, file: OutputFile, target: Path, digest: str | None) -> None:
        """Save a file atomically and check its sha256 if that is known."""
        if digest is not None and target.is_file() and sha256_file(target) == digest:
            return
        partial = self._partials / hashlib.sha256(file.name.encode()).hexdigest()[:24]
        partial.parent.mkdir(parents=True, exist_ok=True)
        if digest is None:
            partial.unlink(missing_ok=True)  # no sha256 to check a continued file by

        def save_once() -> None:
            self._continue(file, partial)
            _check_digest(partial, file.name, digest)

        def wait(error: KaggleError, pause: float) -> None:
            nonlocal file
            if not (error.passing or error.code in _STALE):
                raise error
            log("fetch", f"{error.what}: {error.got}; trying again in {pause:.1f} s")
            time.sleep(pause)
            if error.code in _STALE:
                file = next((new for new in self._relist() if new.name == file.name), file)

        attempt(save_once, self._patience.list_pauses(), KaggleError, wait)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, target)

    def _continue(self, file: OutputFile, partial: Path) -> None:
        """Append the missing rest of a file; download all of it where that fails."""
        have = partial.stat().st_size if partial.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        # In a compressed answer, lengths and offsets would not be those of the file.
        headers["Accept-Encoding"] = "identity"
        try:
            with self._plain.get(file.url, headers=headers, stream=True) as answer:
                if answer.status_code == 416:
                    partial.unlink(missing_ok=True)
                    raise requests.ConnectionError("the partial file is longer than the file")
                answer.raise_for_status()
                appends = answer.status_code == 206 and _starts_at(answer, have)
                with partial.open("ab" if appends else "wb") as out:
                    for piece in answer.iter_content(PIECE):
                        out.write(piece)
        except MALFORMED as error:
            trouble = explain(f"downloading {file.name}", error)
            raise KaggleError(
                trouble.what,
                got=trouble.got,
                cure="run the same command again: it goes on with what is missing",
                code=trouble.code,
                passing=trouble.passing,
            ) from None


def swap_folder(new: Path, target: Path) -> None:
    """Put a finished folder in its place, and remove an older one there."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _starts_at(answer: requests.Response, offset: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _check_digest(partial: Path, name: str, digest: str | None) -> None:
    if digest is None or (got := sha256_file(partial)) == digest:
        return
    partial.unlink()
    raise KaggleError(
        f"{name} is not the file that the kernel wrote",
        got=f"sha256 {got[:12]} instead of {digest[:12]}",
        cure="fetch again; if it stays, the output on Kaggle is damaged: push again",
        passing=True,
    )
