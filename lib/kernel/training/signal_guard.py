"""Turn SIGTERM and Ctrl-C into a request that a loop answers between two steps."""

import signal
import threading
import time
from types import FrameType
from typing import Any, NoReturn, Self

from lib.base.stop_signals import TWICE_S, Terminated


class SignalGuard:
    """While it is entered, a first signal is only a request; a second one ends the loop at once."""

    def __init__(self) -> None:
        self.requested = 0  # signal number; 0: none
        self._before: dict[int, Any] = {}
        self._asked_at = 0.0  # a value of time.monotonic()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python forbids it in others
            for number in (signal.SIGTERM, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def leave(self) -> NoReturn:
        """Raise KeyboardInterrupt after Ctrl-C, else Terminated."""
        raise KeyboardInterrupt if self.requested == signal.SIGINT else Terminated

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            if time.monotonic() - self._asked_at > TWICE_S:
                self.leave()
            return
        self.requested, self._asked_at = number, time.monotonic()
