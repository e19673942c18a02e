"""Make a call whose effect must not be doubled; look for its effect where the answer was lost.

Kaggle has no idempotent calls, and one may take effect after its connection broke. So a call is
written down before it is made, and repeated only after its effect was looked for in vain.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lib.base.log import log
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.ledger import NEVER, read_age

Effect = TypeVar("Effect")
_LOST_CALLS = 3  # each one is looked for through a whole window


@dataclass(frozen=True)
class Journal:
    """Where calls of one kind are written down."""

    # Right before each call, with the numbers of what looks the same and was there before.
    intend: Callable[[Sequence[int]], None]
    # After a call without an effect: (the reason, whether the effect may still turn up).
    give_up: Callable[[str, bool], None]


def call_once(
    session: KaggleSession,
    what: str,
    call: Callable[[], Effect],
    find: Callable[[], Effect | None],
    journal: Journal,
    known: Sequence[int],
) -> Effect:
    """Make a call, again if need be, so that it takes effect once; return its effect.

    `find` looks once for the effect of a call. What it raises ends the call with its outcome
    unknown, and so does a signal: then nothing more is written down.
    """
    lost_calls = 0
    for pause in [*session.patience.list_pauses(), None]:
        journal.intend(known)
        try:
            return call()
        except KaggleError as error:
            trouble, found = error, None
        lost_calls += trouble.lost
        if trouble.lost:
            found = look_for(session, what, find, session.patience.window_s)
        elif lost_calls:  # Kaggle may refuse because of the very call whose answer was lost
            found = find()
        if found is not None:
            return found
        journal.give_up(NEVER if trouble.lost else trouble.got, trouble.lost)
        if pause is None or not trouble.passing or lost_calls == _LOST_CALLS:
            raise trouble
        session.wait_out(trouble, pause)
    raise AssertionError("the last call returns or raises")


def look_for(
    session: KaggleSession, what: str, find: Callable[[], Effect | None], window_s: float
) -> Effect | None:
    """Look for an effect until the window ends, and once more then; None: it is not there."""
    is_told = False
    for pause in session.patience.poll(window_s):
        if (found := find()) is not None:
            return found
        if not is_told:
            is_told = True
            log("kaggle", f"no trace of {what} yet: looking for {window_s:.0f} s more, as Kaggle")
            log("kaggle", "may still be making it; after Ctrl-C the next command looks again")
        time.sleep(pause)
    return find()


def look_again(
    session: KaggleSession,
    stage: str,
    what: str,
    intent: dict[str, Any],
    find: Callable[[], Effect | None],
    give_up: Callable[[], None],
    wait: bool,
) -> Effect | None:
    """Look for the effect of a call that was cut off; return it if it is there.

    The call may have lasted until its deadline, so its window may end so much later than one that
    began with the intent. Then `give_up` records that it never arrived. Without `wait` it is looked
    for once, and stays open before that.
    """
    patience = session.patience
    left_s = min(patience.call_s + patience.window_s - read_age(intent), patience.window_s)
    found = look_for(session, what, find, left_s) if wait else find()
    if found is None and not wait and left_s > 0:
        log(stage, f"it is not there yet, and may still come within {left_s:.0f} s")
    elif found is None:
        log(stage, "it never arrived there")
        give_up()
    return found
