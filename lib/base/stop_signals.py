"""End this process within seconds of SIGTERM or Ctrl-C, in the middle of a long call too.

Python answers a signal only when its main thread comes to its next instruction, and a long call
into a library has none. So a thread hears of each signal too, and ends the process where it did not
end by itself. Nothing is lost by that, for every file is written whole or not at all.
"""

import multiprocessing
import os
import select
import signal
import threading
import time
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Self

GRACE_S = 5.0  # to end in good order
TWICE_S = 1.0  # what comes again so soon is the same signal: `timeout` sends it twice
_WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
_OVER = 0  # the number of no signal


class Terminated(SystemExit):
    """SIGTERM asked this process to end."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


def end_until_begun() -> None:
    """End this process by SIGTERM and Ctrl-C with a line, before its work begins and after it."""
    for number in _WORDS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _end)


def end_with_parent() -> None:
    """Let this process, if another one spawned it, end as soon as that one does, however it may."""
    if (parent := multiprocessing.parent_process()) is not None:

        def watch() -> None:
            wait([parent.sentinel])
            os._exit(1)

        threading.Thread(target=watch, name="parent", daemon=True).start()


def _end(number: int, frame: FrameType | None = None) -> None:
    _tell(number)
    os._exit(128 + number)


def _tell(number: int) -> None:
    """Print that the process ends; not by `print`, whose lock may be taken."""
    words = f"{_WORDS[signal.Signals(number)]}: the same command goes on from here"
    os.write(2, f"{words}\n".encode())


class StopSignals:
    """In its block a signal raises Terminated or KeyboardInterrupt; a second one ends at once.

    It does nothing outside the main thread, within another such block, and where the program around
    it listens to signals in the same way.
    """

    def __init__(self) -> None:
        self.requested = 0  # signal number; 0: none
        self._has_raised = self._is_told = False
        self._before: dict[int, Any] = {}
        self._ears = self._mouth = -1  # of a pipe into which Python writes each signal's number

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python forbids it there
        if (other := signal.set_wakeup_fd(-1)) != -1:
            signal.set_wakeup_fd(other)
            return self
        self._ears, self._mouth = os.pipe()
        os.set_blocking(self._mouth, False)
        signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        for number in _WORDS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._raise)
        os.register_at_fork(after_in_child=self._let_go_in_child)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._mouth < 0 or self.requested:  # once asked, the watch lasts until the very end
            return
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        mouth, self._mouth = self._mouth, -1
        os.write(mouth, bytes([_OVER]))
        os.close(mouth)

    def tell(self, number: int) -> None:
        """Print once on stderr that the process ends."""
        if not self._is_told:
            self._is_told = True
            _tell(number)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not self._has_raised:
            self.requested, self._has_raised = number, True
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def _watch(self) -> None:
        """Wait for a signal, and GRACE_S or for a second one; then end the process."""
        number = _OVER
        while number not in _WORDS:  # Python writes the numbers of other signals too
            number = os.read(self._ears, 1)[0]
            if number == _OVER:
                os.close(self._ears)
                return
        self.requested = number
        time.sleep(TWICE_S)
        while select.select([self._ears], [], [], 0.0)[0]:
            os.read(self._ears, 1)
        select.select([self._ears], [], [], GRACE_S - TWICE_S)
        self.tell(number)
        os._exit(128 + number)

    def _let_go_in_child(self) -> None:
        """End a forked child by its first SIGTERM, which its parent must not hear."""
        if self._mouth >= 0:
            signal.set_wakeup_fd(-1)
            for number in self._before:
                signal.signal(number, signal.SIG_DFL)
