"""Calls of the real kaggle client on loopback -> the answers of a Kaggle of our own.

The client reaches it as its HTTP proxy, so request lines carry whole addresses; any attempt at
HTTPS arrives as CONNECT, is refused and remembered.
"""

import base64
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.kaggle_desk import RefusedError, sign_address
from tests.kaggle_state import COMPETITION, KEY, TOKEN, USER, Fault, KaggleState


class KaggleServer(KaggleState):
    """The state, and a port of loopback that answers for it."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        super().__init__(folder, data)
        self._http = _Http(("127.0.0.1", 0), _make_handler(self))
        self.port = self._http.server_address[1]
        self._main = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._main.start()

    def close(self) -> None:
        super().close()
        self._http.shutdown()
        self._main.join()
        self._http.server_close()


def make_environment(server: KaggleServer, folder: Path, kind: str = "key") -> dict[str, str]:
    """(server, an empty folder, "key" or "token") -> variables that lead the client there."""
    home = folder / "home"
    config = home / ".kaggle"
    config.mkdir(parents=True, exist_ok=True)
    (folder / "temp").mkdir(exist_ok=True)
    if kind == "key":
        path = config / "kaggle.json"
        path.write_text(json.dumps({"username": USER, "key": KEY}))
    else:
        path = config / "access_token"
        path.write_text(TOKEN)
    path.chmod(0o600)
    proxy = f"http://127.0.0.1:{server.port}"
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
    return {
        **dict.fromkeys(names, proxy),
        "NO_PROXY": "",
        "no_proxy": "",
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_CONFIG_DIR": str(config),
        "HOME": str(home),
        "TMPDIR": str(folder / "temp"),
    }


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what many tests are about."""


def _make_handler(server: KaggleServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        kaggle = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    kaggle: KaggleServer
    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True  # or each small answer waits 40 ms for an acknowledgement
    wbufsize = 1 << 16

    def handle_one_request(self) -> None:
        # A client behind a proxy holds the body back until the header is acknowledged.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        super().handle_one_request()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are counted, not printed."""

    def do_CONNECT(self) -> None:
        self.kaggle.connects.append(self.path)
        self._send(403, b"no way out")

    def do_POST(self) -> None:
        name = urlsplit(self.path).path.rsplit("/", 1)[-1]
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        self.kaggle.calls.append((name, body))
        fault = self.kaggle.take_fault(name)
        if fault is not None and fault.late_s:
            self.kaggle.answer_late(name, body, fault.late_s)
        if fault is not None and self._misbehave(fault):
            return
        try:
            if name != "GenerateAccessToken":
                self._check_sign_in()
            if name == "DownloadDataFiles":
                self.kaggle.check_rules()
                self._send(302, b"", {"Location": sign_address(f"data/{COMPETITION}.zip")})
                return
            answer = self.kaggle.answer(name, body)
        except RefusedError as error:
            self._send_error(error.code, error.message, error.status)
            return
        if fault is not None and fault.reset == "after":
            if fault.answer is None:
                self._reset()
                return
            answer = fault.answer
        self._send_json(200, answer)

    def do_PUT(self) -> None:
        self.kaggle.calls.append(("PUT upload", {"range": self.headers.get("Content-Range", "")}))
        token = urlsplit(self.path).path.rsplit("/", 1)[-1]
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.kaggle.take_fault("PUT upload")
        upload = self.kaggle.uploads[token]
        span = self.headers.get("Content-Range", "")
        if not span:
            upload["data"] = b""
        if fault is not None and fault.cut >= 0:
            upload["data"] += self.rfile.read(min(fault.cut, length))
            self._reset()
            return
        content = self.rfile.read(length)
        if fault is not None and self._misbehave(fault):
            return
        if span.startswith("bytes ") and not span.startswith("bytes */"):
            start = int(span.removeprefix("bytes ").split("-")[0])
            assert start <= len(upload["data"]), "the client left a gap"
            upload["data"] = upload["data"][:start]
        upload["data"] += content
        if len(upload["data"]) == upload["size"]:
            self._send(201, b"")
            return
        have = len(upload["data"])
        self._send(308, b"", {"Range": f"bytes=0-{have - 1}"} if have else {})

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name = "GET log" if "/logs/stream/" in path else "GET file"
        self.kaggle.calls.append((name, {"range": self.headers.get("Range", "")}))
        fault = self.kaggle.take_fault(name)
        if fault is not None and fault.cut < 0 and self._misbehave(fault):
            return
        if name == "GET log":
            self._send_log(*path.rsplit("/", 2)[1:], fault)
            return
        if path.startswith("/data/"):
            headers = {"Last-Modified": "Tue, 01 Jan 2030 00:00:00 GMT"}
            self._send(200, self.kaggle.zip_data(), headers)
            return
        assert "Authorization" not in self.headers, "a signed address needs no credentials"
        _, _, owner, slug, number, file_name = unquote(path).split("/", 5)
        content = self.kaggle.find_output(owner, slug, int(number), file_name)
        self._send_file(content, fault)

    def _send_file(self, content: bytes, fault: Fault | None) -> None:
        span, code, headers = self.headers.get("Range", ""), 200, {"Accept-Ranges": "bytes"}
        if self.kaggle.ignores_ranges:
            span = ""
        if span:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self._send(416, b"")
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, code = content[start:], 206
        if fault is not None and fault.cut >= 0:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: fault.cut])
            self.wfile.flush()
            self.close_connection = True
            return
        self._send(code, content, headers)

    def _send_log(self, owner: str, slug: str, fault: Fault | None) -> None:
        try:
            self._check_sign_in()
            version = self.kaggle.find(owner, slug)
        except RefusedError as error:
            self._send_error(error.code, error.message, error.status)
            return
        if version.is_over:
            self._send_json(200, version.events)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while not self.kaggle.is_closing:
            for event in version.events[sent:]:
                self._send_chunk(f"data: {json.dumps(event)}\n\n")
                sent += 1
                if fault is not None and sent >= fault.cut:
                    self._reset()
                    return
            if version.is_over and sent == len(version.events):
                self._send_chunk("data: END_OF_LOG\n\n")
                self._send_chunk("")
                return
            time.sleep(0.01)

    def _send_chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _check_sign_in(self) -> None:
        pair = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        if self.headers.get("Authorization") not in (f"Basic {pair}", f"Bearer {TOKEN}"):
            raise RefusedError(401, "Unauthenticated", "UNAUTHENTICATED")

    def _misbehave(self, fault: Fault) -> bool:
        """A Fault -> whether it was the whole answer."""
        if fault.silent_s:
            end = time.monotonic() + fault.silent_s
            while time.monotonic() < end and not self.kaggle.is_closing:
                time.sleep(0.01)
            self.close_connection = True
            return True
        if fault.pieces is not None:
            self._drip(fault.pieces, fault.drip_s)
            return True
        if fault.reset == "before" or fault.late_s:
            self._reset()
            return True
        if fault.answer is not None and fault.reset != "after":
            self._send_json(200, fault.answer)
            return True
        if fault.code:
            self._send_error(fault.code, fault.message, "FAULT", fault.headers)
            return True
        return False

    def _drip(self, pieces: Iterable[bytes], pause_s: float) -> None:
        """Send pieces as they are, until the other side has enough."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            for piece in pieces:
                if self.kaggle.is_closing:
                    break
                self.connection.sendall(piece)
                time.sleep(pause_s)

    def _reset(self) -> None:
        """Nothing -> the connection broken off, as by a network that failed."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _send_error(
        self, code: int, message: str, status: str, headers: dict[str, str] | None = None
    ) -> None:
        body = {"error": {"code": code, "message": message, "status": status}}
        self._send_json(code, body, headers)

    def _send_json(self, code: int, value: Any, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._send(code, json.dumps(value).encode(), {**kind, **(headers or {})})

    def _send(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
