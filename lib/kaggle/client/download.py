"""Download a run's files from signed addresses, several at once, and check their sha256."""

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from lib.base.attempts import attempt
from lib.base.files import sha256_file
from lib.base.log import log
from lib.kaggle.client.deadline import Deadline, Rate
from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.kernels import OutputFile
from lib.kaggle.client.secrets import clean_words
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.transport import HugeAnswerError

PIECE = 1 << 16  # bytes; a partial piece is lost, so a resumed download starts at a multiple
_MOST_BYTES = 20 << 30  # of a file; a kernel may leave no more in all
_AT_ONCE, _FEW = 8, 4  # downloads at once; each has at least so many files to itself
_STALE = (400, 401, 403, 404, 410)  # answers of a signed address that has expired


@dataclass(frozen=True)
class Wanted:
    """A file to download, where to, and its sha256 if that is known."""

    file: OutputFile
    target: Path
    digest: str | None


class Downloader:
    """Downloads the files of one version and continues what an earlier try left."""

    def __init__(
        self,
        session: KaggleSession,
        plain: requests.Session,
        partials: Path,
        relist: Callable[[], list[OutputFile]],
    ) -> None:
        self._plain = plain
        self._patience = session.patience
        self._secrets = session.secrets
        self._partials = partials
        self._relist = relist  # asks Kaggle for fresh addresses
        self._fresh: dict[str, str] = {}  # such addresses by name
        self._rate = Rate()  # of all downloads, for they share one line
        self._deadlines: set[Deadline] = set()
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()

    def save_all(self, wanted: Sequence[Wanted], tell: Callable[[int, str], None]) -> None:
        """Save all files; `tell` gets the count and the latest name. The first error ends all."""
        workers = max(1, min(_AT_ONCE, len(wanted) // _FEW))
        if workers == 1:
            for count, each in enumerate(wanted, start=1):
                self.save(each)
                tell(count, each.file.name)
            return
        with ThreadPoolExecutor(workers) as pool:
            try:
                futures = {pool.submit(self.save, each): each.file.name for each in wanted}
                for count, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    tell(count, futures[future])
            except BaseException:
                self._stop()
                pool.shutdown(cancel_futures=True)
                raise

    def save(self, wanted: Wanted) -> None:
        """Save a file atomically and check its sha256 if that is known."""
        name, target, digest = wanted.file.name, wanted.target, wanted.digest
        if digest is not None and target.is_file() and sha256_file(target) == digest:
            return
        partial = self._partials / hashlib.sha256(name.encode()).hexdigest()[:24]
        partial.parent.mkdir(parents=True, exist_ok=True)
        if digest is None:
            partial.unlink(missing_ok=True)  # no sha256 to check a continued file by
        shown = clean_words(name, self._secrets)
        address = self._fresh.get(name, wanted.file.url)

        def save_once() -> None:
            self._continue(shown, address, partial)
            _check_digest(partial, shown, digest)

        def wait(error: KaggleError, pause: float) -> None:
            nonlocal address
            if self._is_stopped.is_set() or not (error.passing or error.code in _STALE):
                raise error
            log("fetch", f"{error.what}: {error.got}; trying again in {pause:.1f} s")
            self._is_stopped.wait(pause)
            if error.code in _STALE:
                address = self._renew(name, address)

        attempt(save_once, self._patience.list_pauses(), KaggleError, wait)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, target)

    def _renew(self, name: str, address: str) -> str:
        """(a file's name, its expired address) -> a fresh one; all files get theirs at once."""
        with self._lock:
            if self._fresh.get(name, address) == address:
                self._fresh = {file.name: file.url for file in self._relist()}
            return self._fresh.get(name, address)

    def _stop(self) -> None:
        """End all downloads that are under way."""
        self._is_stopped.set()
        with self._lock:
            for deadline in self._deadlines:
                deadline.cancel()

    def _continue(self, shown: str, address: str, partial: Path) -> None:
        """Append the missing rest of a file; download all of it where that fails."""
        deadline = Deadline(self._patience, self._rate)
        with self._lock:
            self._deadlines.add(deadline)
        try:
            self._receive(address, partial, deadline)
        except MALFORMED as error:
            trouble = explain(f"downloading {shown}", error)
            raise KaggleError(
                trouble.what,
                got=trouble.got,
                cure="run the same command again: it goes on with what is missing",
                code=trouble.code,
                passing=trouble.passing,
            ) from None
        finally:
            with self._lock:
                self._deadlines.discard(deadline)

    def _receive(self, address: str, partial: Path, deadline: Any) -> None:
        if self._is_stopped.is_set():
            raise requests.ConnectionError("it was given up")
        have = partial.stat().st_size if partial.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        # In a compressed answer, lengths and offsets would not be those of the file.
        headers["Accept-Encoding"] = "identity"
        with self._plain.get(address, headers=headers, stream=True, timeout=deadline) as answer:
            if answer.status_code == 416:
                partial.unlink(missing_ok=True)
                raise requests.ConnectionError("the partial file is longer than the file")
            answer.raise_for_status()
            appends = answer.status_code == 206 and _starts_at(answer, have)
            size = have if appends else 0
            with partial.open("ab" if appends else "wb") as out:
                for piece in answer.iter_content(PIECE):
                    size += out.write(piece)
                    if size > _MOST_BYTES:
                        raise HugeAnswerError(f"more than {_MOST_BYTES:,} bytes")


def _starts_at(answer: requests.Response, offset: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _check_digest(partial: Path, shown: str, digest: str | None) -> None:
    if digest is None or (got := sha256_file(partial)) == digest:
        return
    partial.unlink()
    raise KaggleError(
        f"{shown} is not the file that the kernel wrote",
        got=f"sha256 {got[:12]} instead of {clean_words(digest, ())[:12]}",
        cure="fetch again; if it stays, the output on Kaggle is damaged: push again",
        passing=True,
    )
