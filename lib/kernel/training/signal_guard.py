"""Turn SIGTERM and Ctrl-C into a request that a loop answers between two steps."""

import signal
import threading
from types import FrameType
from typing import Any, NoReturn, Self

from lib.base.log import log


class SignalGuard:
    """While it is entered, a first signal is only a request; a second one ends the process."""

    def __init__(self) -> None:
        self.requested = 0  # signal number; 0: none
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python forbids it in others
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def leave(self) -> NoReturn:
        """Raise KeyboardInterrupt after Ctrl-C, else SystemExit with the shell's code."""
        if self.requested == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self.requested)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.requested = number
        log("train", f"{signal.Signals(number).name}: saves a checkpoint and leaves")
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
