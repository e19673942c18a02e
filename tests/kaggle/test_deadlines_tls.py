"""Slow answers over TLS, straight and through a proxy's tunnel: each call ends by its deadline."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from lib.kaggle.client.deadline import Deadline, DeadlineError
from lib.kaggle.client.errors import KaggleError, explain
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.live_log import LiveLog
from lib.kaggle.client.session import KaggleSession, open_plain_session
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.client.upload import upload_file
from tests.kaggle.test_deadlines import Clock, Source
from tests.kaggle_place import QUICK, REF, open_place

# A connection that is silent alone would last as long as connect_s or answer_s.
HURRIED = replace(QUICK, connect_s=60, answer_s=60, call_s=1.0, slow_s=1.0, attempts=1)
CALM = replace(HURRIED, call_s=60, slow_s=60)  # a busy machine keeps these as well
BODY = b'{"status": "COMPLETE"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(BODY) + BODY
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for localhost that it signs itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on the PATH makes a certificate")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    key = path.with_name("key.pem")
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)]
    subprocess.run([openssl, *words], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


class Wire:
    """The server's end of one connection; TLS is made in memory, so that its bytes can drip."""

    def __init__(self, bare: socket.socket, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.bare = bare
        self._read, self._write = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._read, self._write, server_side=True)

    def shake_hands(self, pause_s: float = 0.0) -> None:
        self._do(self._tls.do_handshake, pause_s)

    def receive(self) -> bytes:
        """What the client sent; b"" at the end."""
        try:
            return self._do(lambda: self._tls.read(1 << 16))
        except ssl.SSLEOFError:
            return b""

    def receive_head(self) -> bytes:
        """A request's header, and what came with it."""
        content = b""
        while b"\r\n\r\n" not in content:
            content += self.receive()
        return content

    def send(self, content: bytes, pause_s: float = 0.0) -> None:
        """Send content as one record, its bytes one at a time where there is a pause."""
        self._tls.write(content)
        self._flush(pause_s)

    def _do(self, step: Callable[[], Any], pause_s: float = 0.0) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush(pause_s)
                if piece := self.bare.recv(1 << 16):
                    self._read.write(piece)
                else:
                    self._read.write_eof()
                continue
            self._flush(pause_s)
            return done

    def _flush(self, pause_s: float) -> None:
        content = self._write.read()
        for piece in (
            [content] if not pause_s else [content[i : i + 1] for i in range(len(content))]
        ):
            self.bare.sendall(piece)
            time.sleep(pause_s)


class Host:
    """A port of loopback that takes connections, straight or by CONNECT, and serves each once."""

    def __init__(self, certificate: Path, is_tunnel: bool) -> None:
        self.certificate = certificate
        self.is_tunnel = is_tunnel
        self.serve: Callable[[Wire], None] = lambda wire: None
        self.tunnel = b"HTTP/1.1 200 OK\r\n\r\n"
        self.tunnel_pause_s = 0.0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                bare, _ = self._listener.accept()
                bare.settimeout(5)
                self.connections += 1
                thread = threading.Thread(target=self._talk, args=(bare,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _talk(self, bare: socket.socket) -> None:
        with bare, contextlib.suppress(OSError):
            if bare.recv(7, socket.MSG_PEEK) == b"CONNECT":
                bare.recv(1 << 16)
                for start in range(len(self.tunnel)):
                    bare.sendall(self.tunnel[start : start + 1])
                    time.sleep(self.tunnel_pause_s)
            self.serve(Wire(bare, self.certificate))


@pytest.fixture(params=["straight", "tunnel"])
def host(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Host]:
    """A Host that https://localhost leads to, straight or as the proxy before it."""
    host = Host(certificate, request.param == "tunnel")
    yield host
    host.close()


@pytest.fixture
def patience() -> Patience:
    return HURRIED


@pytest.fixture
def session(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: Patience
) -> Iterator[KaggleSession]:
    """The unmodified client, its address https://localhost instead of http://localhost."""
    with open_place(tmp_path, monkeypatch, patience) as place:
        proxy = f"http://127.0.0.1:{host.port}"
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "" if host.is_tunnel else "localhost")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(host.certificate))
        place.session.sdk.http_client()._endpoint = f"https://localhost:{host.port}"
        yield place.session


def hang(wire: Wire) -> None:
    """Take all and say nothing."""
    while wire.bare.recv(1 << 16):
        pass


def answer(content: bytes, pause_s: float) -> Callable[[Wire], None]:
    """Content -> a server of it in one record, whose bytes come one at a time."""

    def serve(wire: Wire) -> None:
        wire.shake_hands()
        wire.receive_head()
        wire.send(content, pause_s)
        hang(wire)

    return serve


def answer_in_records(content: bytes, pause_s: float) -> Callable[[Wire], None]:
    """Content -> a server of it in records of one byte each."""

    def serve(wire: Wire) -> None:
        wire.shake_hands()
        wire.receive_head()
        for start in range(len(content)):
            wire.send(content[start : start + 1])
            time.sleep(pause_s)
        hang(wire)  # what is closed with something unread in it is reset, and the answer lost

    return serve


def drip_handshake(wire: Wire) -> None:
    wire.shake_hands(0.02)


@pytest.mark.parametrize("patience", [CALM], ids=[""])
@pytest.mark.parametrize("make", [answer, answer_in_records])
def test_call_over_tls_is_answered(
    session: KaggleSession, host: Host, make: Callable[[bytes, float], Callable[[Wire], None]]
) -> None:
    host.serve = make(ANSWER, 0.0)
    assert get_status(session, REF, 1).name == "COMPLETE"


@pytest.mark.parametrize(
    "serve",
    [
        answer(ANSWER, 0.02),
        answer_in_records(ANSWER, 0.02),
        hang,
        drip_handshake,
    ],
    ids=["one record drips", "records of a byte", "handshake hangs", "handshake drips"],
)
def test_call_over_tls_ends_at_its_deadline(
    session: KaggleSession, host: Host, serve: Callable[[Wire], None]
) -> None:
    host.serve = serve
    began = time.monotonic()
    words = r"no whole answer within 1 s|no answer within the deadline"
    with pytest.raises(KaggleError, match=words) as caught:
        get_status(session, REF, 1)
    assert time.monotonic() - began < 30
    assert caught.value.passing
    assert caught.value.lost
    assert host.connections == 1


@pytest.mark.parametrize("patience", [CALM], ids=[""])
def test_a_certificate_that_is_not_trusted_is_told_at_once(
    session: KaggleSession, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again would not help, and nothing was sent."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    host.serve = answer(ANSWER, 0.0)
    with pytest.raises(KaggleError, match="a certificate that is not trusted here") as caught:
        get_status(replace(session, patience=QUICK), REF, 1)
    assert not caught.value.passing
    assert not caught.value.lost
    assert "REQUESTS_CA_BUNDLE" in str(caught.value.cure)
    assert host.connections == 1


@pytest.mark.parametrize("host", ["tunnel"], indirect=True)
def test_proxy_whose_answer_drips_ends_the_call(session: KaggleSession, host: Host) -> None:
    host.tunnel, host.tunnel_pause_s = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 999, 0.02
    with pytest.raises(KaggleError, match="no whole answer within 1 s"):
        get_status(session, REF, 1)


def test_download_over_tls_that_drips_ends(session: KaggleSession, host: Host) -> None:
    def serve(wire: Wire) -> None:
        wire.shake_hands()
        wire.receive_head()
        wire.send(HEAD % 9999)
        for _ in range(9999):
            wire.send(b" ")
            time.sleep(0.02)

    host.serve = serve
    with open_plain_session(HURRIED) as plain:
        file = plain.get(f"https://localhost:{host.port}/file", stream=True)
        with pytest.raises(requests.RequestException) as caught:
            list(file.iter_content(1 << 16))
    assert explain("the file", caught.value).got == "less than 10,000 bytes a second for 1 s"


def test_upload_over_tls_has_no_total_deadline_while_it_moves(
    session: KaggleSession, host: Host, tmp_path: Path
) -> None:
    """Through a tunnel it had: the answer to CONNECT was taken for the upload's own."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"x" * (24 << 20))  # 1,536 records, each of which takes 2 ms
    patience, received = replace(CALM, call_s=2), []

    def serve(wire: Wire) -> None:
        wire.shake_hands()
        size = len(wire.receive_head().partition(b"\r\n\r\n")[2])
        while size < path.stat().st_size:
            size += len(wire.receive())
            time.sleep(0.002)
        received.append(size)
        wire.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        hang(wire)

    host.serve = serve
    began = time.monotonic()
    with open_plain_session(patience) as plain:
        upload_file(plain, patience, f"https://localhost:{host.port}/upload", path)
    assert time.monotonic() - began > patience.call_s, "else this shows nothing"
    assert received == [path.stat().st_size]


def test_handshake_in_a_tunnel_has_what_is_left_of_the_call() -> None:
    clock = Clock()
    source, deadline = Source(clock, []), Deadline(Patience(), clock=clock)
    clock.now = 100.0
    deadline.begin_request(source)  # type: ignore[arg-type]
    assert source.wait_s == Patience().call_s - 100
    clock.now = 120.0
    with pytest.raises(DeadlineError, match="no whole answer within 120 s"):
        deadline.begin_request(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("patience", [CALM], ids=[""])
def test_live_log_over_tls_is_given_up_at_once(session: KaggleSession, host: Host) -> None:
    shown = threading.Event()

    def serve(wire: Wire) -> None:
        wire.shake_hands()
        wire.receive_head()
        wire.send(STREAM + b'data: {"data": "hello"}\n\n')
        shown.set()
        hang(wire)

    host.serve = serve
    log = LiveLog(session, REF)
    assert log.take(5) == {"data": "hello"}
    began = time.monotonic()
    log.close()
    while "live log" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() - began < 30
        time.sleep(0.01)
