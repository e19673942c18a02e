"""Keep the time of one exchange with a server: how long it lasts, how slowly it may move."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from lib.kaggle.client.timeouts import Patience

Clock = Callable[[], float]


class DeadlineError(TimeoutError):
    """An exchange took too long; its words may be shown."""


class Rate:
    """The bytes that several transfers moved together.

    Transfers that share a line are slow only if all of them are.
    """

    def __init__(self) -> None:
        self.moved = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Count bytes that went through a socket."""
        with self._lock:
            self.moved += size


class Deadline:
    """The time of one request and its answer; its socket is read and written here alone.

    A call ends after `call_s` in all. A transfer, which has a Rate, may last while it moves: for
    every `slow_s` of its body at least `slow_bytes_s` times as many bytes; between the last byte
    sent and the first of the body lie `call_s` at most. An endless answer, a live log, must not
    be silent for longer than `answer_s`, as all others.
    """

    def __init__(
        self,
        patience: Patience,
        rate: Rate | None = None,
        endless: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self._patience = patience
        self._rate = rate
        self._endless = endless
        self._clock = clock
        self._end: float | None = None if rate else clock() + patience.call_s
        self._window = (clock(), rate.moved) if rate else None
        self._socket: socket.socket | None = None
        self._is_cancelled = False

    def begin_request(self, through: socket.socket) -> None:
        """A proxy's tunnel stands: what follows are the handshake of TLS and the request."""
        if self._rate is not None:
            self._end, self._window = None, (self._clock(), self._rate.moved)
        through.settimeout(self._find_wait_s(self._clock()))  # of the handshake

    def begin_answer(self) -> None:
        """The request is sent: what follows is the answer's header."""
        if self._rate is not None:
            self._end, self._window = self._clock() + self._patience.call_s, None

    def begin_body(self) -> None:
        """The header is read: what follows is a body that is read piece by piece."""
        if self._rate is not None:
            self._window = (self._clock(), self._rate.moved)
        if self._rate is not None or self._endless:
            self._end = None

    def cancel(self) -> None:
        """End the exchange from another thread: whoever waits for a byte gets an error."""
        self._is_cancelled = True
        if (open_socket := self._socket) is not None:
            with contextlib.suppress(OSError):  # below TLS, which must not be asked from here
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def read_into(self, source: socket.socket, buffer: memoryview) -> int:
        """Wait for bytes and read them; return their number, 0 at the end."""
        return self._do(source, lambda: source.recv_into(buffer))

    def send_all(self, target: socket.socket, content: bytes) -> None:
        """Send all bytes."""
        view = memoryview(content)
        while view:
            view = view[self._do(target, lambda rest=view: target.send(rest)) :]  # type: ignore[misc]

    def _do(self, through: socket.socket, step: Callable[[], int]) -> int:
        """Do a step that moves bytes; raise DeadlineError where it takes too long."""
        self._socket = through
        began = self._clock()
        while True:
            through.settimeout(self._find_wait_s(began))
            try:
                size = step()
            except TimeoutError:
                continue  # either the time is over, or other transfers have moved meanwhile
            if self._is_cancelled:
                raise DeadlineError("it was given up")
            if self._rate is not None:
                self._rate.add(size)
            return size

    def _find_wait_s(self, began: float) -> float:
        """(when the present step began) -> how long it may wait now."""
        patience, now = self._patience, self._clock()
        if self._is_cancelled:
            raise DeadlineError("it was given up")
        ends = [began + patience.answer_s]
        if self._end is not None:
            if now >= self._end:
                raise DeadlineError(f"no whole answer within {patience.call_s:g} s")
            ends.append(self._end)
        if self._window is not None and self._rate is not None:
            start, before = self._window
            is_fast = self._rate.moved - before >= patience.slow_bytes_s * patience.slow_s
            if now - start >= patience.slow_s and not is_fast:
                least = f"{patience.slow_bytes_s:,.0f} bytes a second"
                raise DeadlineError(f"less than {least} for {patience.slow_s:g} s")
            if now - start >= patience.slow_s:
                start, is_fast = now, False
                self._window = (now, self._rate.moved)
            ends += [] if is_fast else [start + patience.slow_s]
        if now >= ends[0]:
            raise DeadlineError(f"nothing moved for {patience.answer_s:g} s")
        return max(min(ends) - now, 0.001)
