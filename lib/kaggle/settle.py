"""Look up the pushes and submissions whose outcome the ledger does not know."""

from collections.abc import Sequence
from typing import Any

from lib.kaggle.ledger import PUSH, SUBMIT, list_lost, list_pending
from lib.kaggle.workspace import Workspace


def is_settled(events: Sequence[dict[str, Any]]) -> bool:
    """Tell whether the events leave nothing to look up on Kaggle."""
    return not any(
        each(events, kind) for kind in (PUSH, SUBMIT) for each in (list_pending, list_lost)
    )


def settle_all(work: Workspace, wait: bool = False) -> None:
    """Look up what was cut off or given up, where Kaggle can be asked; raise no error.

    `wait` looks for a push that was cut off until its window ends, else all are looked for once.
    """
    from lib.kaggle.push_records import settle_pushes  # requests is slow to import
    from lib.kaggle.submit_records import settle_submissions

    settle_pushes(work, wait)
    settle_submissions(work)
