"""Upload a file to a signed address at Kaggle; resume where the upload broke off."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from lib.base.attempts import attempt
from lib.base.log import log
from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.session import KaggleSession, open_plain_session, read_text
from lib.kaggle.client.timeouts import Patience

_DONE = (200, 201)
_RESUME = 308


class UploadGoneError(KaggleError):
    """The upload address has expired: a new one is needed, and all bytes again."""


def send_file(
    session: KaggleSession, start: Callable[[Any], Any], request: Any, path: Path, stage: str
) -> str:
    """Upload a file to the address that a call names; return the file's token.

    It starts over with a new address where Kaggle forgot the upload.
    """

    def read(request: Any) -> tuple[str, str]:
        started = start(request)
        url, token = read_text(started.create_url), read_text(started.token)
        if not url or not token:
            raise ValueError("an address and a token are expected")
        return url, token

    def upload() -> str:
        url, token = session.ask("starting the upload", read, request)
        with open_plain_session(session.patience) as plain:
            upload_file(plain, session.patience, url, path, stage)
        return token

    return attempt(upload, session.patience.list_pauses(), UploadGoneError, session.wait_out)


def upload_file(
    plain: requests.Session, patience: Patience, url: str, path: Path, stage: str = "submit"
) -> None:
    """Upload a file to a signed address through a session without credentials.

    After a failure the server is asked how much it has. If it no longer knows the upload,
    UploadGoneError is raised.
    """
    what, size, start = f"uploading {path.name}", path.stat().st_size, 0
    for pause in [*patience.list_pauses(), None]:
        try:
            answer = _put(plain, url, path, start, size)
            if answer.status_code in _DONE:
                return
            if answer.status_code != _RESUME:
                answer.raise_for_status()
        except MALFORMED as error:
            trouble = explain(what, error)
            if trouble.code in (403, 404, 410):
                raise _make_gone(what, trouble) from None
            if not trouble.passing or pause is None:
                raise trouble from None
            log(stage, f"{what}: {trouble.got}; asking how much arrived in {pause:.1f} s")
        if pause is None:
            break
        time.sleep(pause)
        reached = _ask_reached(plain, url, size, what)
        if reached == size:
            return
        start = start if reached is None else reached
    raise KaggleError(what, got="it does not end", cure="try again later", passing=True)


def _put(plain: requests.Session, url: str, path: Path, start: int, size: int) -> requests.Response:
    headers = {"Content-Type": "application/octet-stream"}
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    with path.open("rb") as file:
        file.seek(start)
        return plain.put(url, data=file if size > start else b"", headers=headers)


def _ask_reached(plain: requests.Session, url: str, size: int, what: str) -> int | None:
    """Ask how many bytes the server has; None where it cannot tell now."""
    try:
        answer = plain.put(url, data=b"", headers={"Content-Range": f"bytes */{size}"})
        if answer.status_code in _DONE:
            return size
        if answer.status_code == _RESUME:
            found = re.fullmatch(r"bytes=0-(\d{1,18})", answer.headers.get("Range", ""))
            return int(found[1]) + 1 if found else 0
        answer.raise_for_status()
    except MALFORMED as error:
        trouble = explain(what, error)
        if trouble.code in (403, 404, 410):
            raise _make_gone(what, trouble) from None
        if not trouble.passing:
            raise trouble from None
    return None


def _make_gone(what: str, trouble: KaggleError) -> UploadGoneError:
    return UploadGoneError(what, got=trouble.got, cure=trouble.cure, code=trouble.code)
