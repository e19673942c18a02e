"""Send requests so that each one meets its deadline, its size and its host.

requests has a time-out for each wait on a socket, and none for the whole of an answer: one byte
now and then would hold a call for ever. So the sockets are read and written by a Deadline.
"""

import http.client
import io
import socket
from contextvars import ContextVar
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lib.kaggle.client.deadline import Deadline, Rate
from lib.kaggle.client.timeouts import Patience

MOST_BYTES = 64 << 20  # of an answer that is read whole, unpacked
_PIECE = 1 << 16
_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class HugeAnswerError(requests.RequestException):
    """An answer is longer than any answer to a call is."""


class StrayRedirectError(requests.RequestException):
    """A call was sent on to another host, which must get neither credentials nor content."""


class _GuardedRead(io.RawIOBase):
    """What comes through a socket, read within a deadline."""

    def __init__(self, raw: io.RawIOBase, source: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw  # holds the socket open
        self._source = source
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._deadline.read_into(self._source, memoryview(buffer))

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _GuardedAnswer(http.client.HTTPResponse):
    """An answer whose header and body are read within the deadline of its request."""

    def __init__(self, sock: socket.socket, *words: Any, **options: Any) -> None:
        super().__init__(sock, *words, **options)
        if (deadline := _DEADLINE.get()) is not None:
            deadline.begin_answer()
            raw: Any = self.fp.detach()
            self.fp = io.BufferedReader(_GuardedRead(raw, sock, deadline))


class _GuardedSend:
    """A connection that sends within the deadline of its request."""

    response_class: Any = _GuardedAnswer
    sock: Any

    def send(self, data: Any) -> None:
        """Send bytes; what is no bytes is read and sent piece by piece."""
        deadline = _DEADLINE.get()
        if deadline is None or not isinstance(data, bytes):
            super().send(data)  # type: ignore[misc]
            return
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        deadline.send_all(self.sock, data)


class _Http(_GuardedSend, HTTPConnection):
    pass


class _Https(_GuardedSend, HTTPSConnection):
    def _tunnel(self) -> None:
        super()._tunnel()
        if (deadline := _DEADLINE.get()) is not None:
            deadline.begin_request(self.sock)  # the proxy's answer is not the request's


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class DeadlineAdapter(HTTPAdapter):
    """requests' transport, in which every exchange has a Deadline.

    Without one of its own, given as `timeout`, a request is a call, or with `moves_files` a
    transfer. Calls carry credentials, so they never follow a redirect to another host.
    """

    def __init__(self, patience: Patience, moves_files: bool = False) -> None:
        self._patience = patience
        self._rate = Rate() if moves_files else None
        super().__init__()

    def init_poolmanager(self, *words: Any, **options: Any) -> None:
        """Make the pool of direct connections."""
        super().init_poolmanager(*words, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Return the pool of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        if not str(proxy).lower().startswith("socks"):  # whose connections are of its own kind
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a prepared request; return its answer, or raise a RequestException."""
        given = isinstance(timeout, Deadline)
        deadline = timeout if given else Deadline(self._patience, self._rate)
        waits = (min(self._patience.connect_s, self._patience.call_s), self._patience.answer_s)
        before = _DEADLINE.set(deadline)
        try:
            answer = super().send(request, True, waits, verify, cert, proxies)
        finally:
            _DEADLINE.reset(before)
        if self._rate is None:
            _refuse_redirect(request, answer)
        if stream and answer.status_code < 300:
            deadline.begin_body()
        else:
            _read_whole(answer)
        return answer


def _refuse_redirect(request: requests.PreparedRequest, answer: requests.Response) -> None:
    if not answer.is_redirect:
        return
    here = urlsplit(request.url or "")
    there = urlsplit(urljoin(request.url or "", answer.headers["Location"]))
    is_safe = there.scheme in (here.scheme, "https")
    if there.hostname != here.hostname or not is_safe:
        answer.close()
        raise StrayRedirectError("a redirect to another host")


def _read_whole(answer: requests.Response) -> None:
    """Read an answer's body, unpacked, if it is of a bounded size."""
    pieces, size = [], 0
    for piece in answer.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            answer.close()
            raise HugeAnswerError(f"more than {MOST_BYTES:,} bytes")
    answer._content = b"".join(pieces)
