"""Deadlines and pauses for everything that waits for Kaggle."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from lib.base.kaggle_limits import SESSION_MINUTES


@dataclass(frozen=True)
class Patience:
    """Deadlines and pauses; the defaults suit a user at a terminal."""

    connect_s: float = 15.0
    answer_s: float = 90.0  # of silence on an open connection
    call_s: float = 120.0  # of a whole call, from its first byte to its answer's last
    slow_bytes_s: float = 10_000  # a transfer that moves fewer bytes a second for slow_s ends
    slow_s: float = 60.0
    attempts: int = 6  # of one call, where it may be repeated
    pause_s: float = 1.0  # before the second attempt; doubled each time
    longest_pause_s: float = 60.0
    poll_s: float = 2.0  # between two requests for a status; grows by half each time
    longest_poll_s: float = 30.0
    grace_s: float = 120.0  # during which a new kernel may be invisible
    run_s: float = (SESSION_MINUTES + 60) * 60.0  # a session and an hour in the queue
    score_s: float = 3600.0
    data_set_s: float = 3600.0  # until a data set is processed
    settle_s: float = 60.0  # after a call whose answer was lost, in which its effect is looked for

    @property
    def window_s(self) -> float:
        """`settle_s` and a moment more, as the call itself takes one."""
        return self.settle_s + min(1.0, self.settle_s / 2)

    def list_pauses(self) -> list[float]:
        """List the pauses before each repetition of a call."""
        pauses = (self.pause_s * 2.0**index for index in range(self.attempts - 1))
        return [min(pause, self.longest_pause_s) for pause in pauses]

    def poll(self, deadline_s: float) -> Iterator[float]:
        """Yield growing pauses until the deadline; the caller does the waiting."""
        end, pause = time.monotonic() + deadline_s, self.poll_s
        while (left := end - time.monotonic()) > 0:
            yield min(pause, left)
            pause = min(pause * 1.5, self.longest_poll_s)
