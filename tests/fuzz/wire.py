"""Answers in memory in place of the network, for the real kagglesdk client and requests."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import requests
import urllib3
from requests.adapters import HTTPAdapter

from lib.kaggle.client.session import KaggleSession, open_session
from lib.kaggle.client.timeouts import Patience

USER, KEY = "ada", "feedface0123456789abcdef00c0ffee"
PAIR = "YWRhOmZlZWRmYWNlMDEyMzQ1Njc4OWFiY2RlZjAwYzBmZmVl"  # base64 of USER:KEY
SECRETS = (KEY, PAIR)
HASTY = Patience(
    connect_s=1.0,
    answer_s=1.0,
    attempts=2,
    pause_s=0.0,
    longest_pause_s=0.0,
    poll_s=0.0,
    longest_poll_s=0.0,
    grace_s=0.0,
    run_s=0.002,
    score_s=0.002,
    settle_s=0.0,
)


_ADAPTER = HTTPAdapter()


@dataclass(frozen=True)
class Reply:
    """One answer of the server."""

    body: bytes
    code: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Wire:
    """Gives out replies in their order, the last one for ever.

    It takes the place of requests' transport, or of all of requests, which is faster: then nothing
    is redirected and no cookie is kept.
    """

    def __init__(self, replies: list[Reply], most: int = 1000, whole: bool = True) -> None:
        self._whole = whole
        self._replies = replies or [Reply(b"")]
        self._most = most  # requests; then the connection fails
        self.count = 0  # requests so far
        self.leaks: list[str] = []  # other hosts that were sent a credential

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        """Answer a request as HTTPAdapter.send does."""
        host = (request.url or "").partition("://")[2].partition("/")[0]
        sent = f"{request.headers}"
        if not host.startswith("localhost") and any(secret in sent for secret in SECRETS):
            self.leaks.append(host)
        reply = self._replies[min(self.count, len(self._replies) - 1)]
        self.count += 1
        if self.count >= self._most:
            self.count = self._most
            raise requests.ConnectionError("too many requests")
        raw = urllib3.HTTPResponse(
            io.BytesIO(reply.body),
            headers={**reply.headers, "Transfer-Encoding": "chunked"},  # or it is read by bytes
            status=reply.code,
            preload_content=False,
        )
        return _ADAPTER.build_response(request, raw)

    def __enter__(self) -> Self:
        def send(self_there: object, request: Any, *rest: Any, **more: Any) -> requests.Response:
            return self.send(request)

        def get(session: requests.Session, url: str, **more: Any) -> requests.Response:
            return self.send(requests.Request("GET", url).prepare())

        self._patch = patch.multiple(requests.Session, send=send, get=get)
        if self._whole:
            self._patch = patch.object(HTTPAdapter, "send", send)
        self._patch.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._patch.stop()


@cache
def open_once() -> KaggleSession:
    """Sign in with an invented key, in an empty home; the session lasts as long as the process."""
    with invented_home():
        session = open_session(HASTY).__enter__()
    session.sdk.http_client()._session.max_redirects = 4  # 30 take long and show nothing more
    return session


@contextmanager
def invented_home() -> Iterator[Path]:
    """Set the variables of an invented user for a block."""
    home = Path(tempfile.gettempdir()) / f"kernelpress-fuzz-home-{os.getpid()}"
    home.mkdir(exist_ok=True)
    others = [name for name in os.environ if name.startswith("KAGGLE_")]
    values = {
        "HOME": str(home),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_USERNAME": USER,
        "KAGGLE_KEY": KEY,
    }
    with patch.dict(os.environ):
        for name in others:
            del os.environ[name]
        os.environ.update(values)
        yield home
