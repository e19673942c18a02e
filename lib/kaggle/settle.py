"""Look up on Kaggle what was cut off or given up, before a command reads the ledger."""

from collections.abc import Callable

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.client.session import KaggleSession, open_session
from lib.kaggle.data_set_records import settle_sending
from lib.kaggle.ledger import DATA_SET, PUSH, SUBMIT, list_lost, list_pending
from lib.kaggle.push_records import find_late, find_pending
from lib.kaggle.submit_records import look_once
from lib.kaggle.workspace import Workspace


def settle_all(work: Workspace, wait: bool = False) -> None:
    """Look up pushes, submissions and data sets that were cut off; raise no error.

    `wait` looks for a push that was cut off until its window ends, else all are looked for once.
    """
    settle_pushes(work, wait)
    settle_submissions(work)
    settle_data_sets(work)


def settle_pushes(work: Workspace, wait: bool = False) -> None:
    """Look up pushes that were cut off or given up; raise no error.

    `wait` looks for a pending one until its window ends.
    """

    def look(session: KaggleSession) -> None:
        for intent in list_pending(work.read_ledger()):
            if found := find_pending(work, session, intent, wait):
                found.record(work)
        for intent in list_lost(work.read_ledger()):
            if found := find_late(work, session, intent):
                found.record(work)

    if _is_open(work, PUSH):
        _ask_kaggle(work, PUSH, "push", "a push", look)


def settle_submissions(work: Workspace) -> None:
    """Look once for submissions that were cut off or given up; raise no error."""
    if _is_open(work, SUBMIT):
        _ask_kaggle(
            work, SUBMIT, "submit", "a submission", lambda session: look_once(work, session)
        )


def settle_data_sets(work: Workspace) -> None:
    """Look once for data sets that were cut off; raise no error.

    One that turns up later still is known by its note: `weights` finds it before it sends anything.
    """

    def look(session: KaggleSession) -> None:
        for intent in list_pending(work.read_ledger(), DATA_SET):
            if settle_sending(work, session, intent, wait=False):
                log("weights", "the same weights command waits until it is ready and attaches it")

    if list_pending(work.read_ledger(), DATA_SET):
        _ask_kaggle(work, "data-set", "weights", "a data set", look)


def _is_open(work: Workspace, kind: str) -> bool:
    """Tell whether there is anything to ask Kaggle for."""
    events = work.read_ledger()
    return bool(list_pending(events, kind) or list_lost(events, kind))


def _ask_kaggle(
    work: Workspace, lock: str, command: str, what: str, look: Callable[[KaggleSession], None]
) -> None:
    """Sign in and look, unless another process is at it; print what keeps it from being known."""
    try:
        with work.hold(lock, wait=False) as held:
            if not held:
                log(command, f"{what} from here is under way in another process")
                return
            with open_session(work.patience) as session:
                look(session)
    except PipelineError as error:
        log(command, f"whether it arrived is not known yet: {error.what}, {error.got}")
        log(command, f"the next {command}, runs or watch looks again")
