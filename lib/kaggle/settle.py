"""Look up on Kaggle what was cut off or given up, before a command reads the ledger."""

from collections.abc import Callable

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.client.session import KaggleSession, open_session
from lib.kaggle.ledger import PUSH, SUBMIT, list_lost, list_pending
from lib.kaggle.push_records import find_late, find_pending
from lib.kaggle.submit_records import look_once
from lib.kaggle.workspace import Workspace


def settle_all(work: Workspace, wait: bool = False) -> None:
    """Look up pushes and submissions that were cut off or given up; raise no error.

    `wait` looks for a push that was cut off until its window ends, else all are looked for once.
    """
    settle_pushes(work, wait)
    settle_submissions(work)


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
        _ask_kaggle(work, "push", "a push", look)


def settle_submissions(work: Workspace) -> None:
    """Look once for submissions that were cut off or given up; raise no error."""
    if _is_open(work, SUBMIT):
        _ask_kaggle(work, "submit", "a submission", lambda session: look_once(work, session))


def _is_open(work: Workspace, kind: str) -> bool:
    """Tell whether there is anything to ask Kaggle for."""
    events = work.read_ledger()
    return bool(list_pending(events, kind) or list_lost(events, kind))


def _ask_kaggle(
    work: Workspace, command: str, what: str, look: Callable[[KaggleSession], None]
) -> None:
    """Sign in and look, unless another process is at it; print what keeps it from being known."""
    try:
        with work.hold(command, wait=False) as held:
            if not held:
                log(command, f"{what} from here is under way in another process")
                return
            with open_session(work.patience) as session:
                look(session)
    except PipelineError as error:
        log(command, f"whether it arrived is not known yet: {error.what}, {error.got}")
        log(command, f"the next {command}, runs or watch looks again")
