"""Wait until Kaggle has processed a version of a data set."""

import time
from collections.abc import Callable

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.client.data_sets import (
    FAILED,
    READY,
    DataSet,
    find_data_set,
    get_data_set_status,
)
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.session import KaggleSession

_HIDDEN = "not shown yet"


class NotProcessedError(PipelineError):
    """Kaggle took a version of a data set and could not process it."""


def wait_for_data_set(
    session: KaggleSession, ref: str, expected: int, find: Callable[[DataSet | None], int]
) -> tuple[int, DataSet]:
    """Wait for a version that Kaggle took; return its number and the data set that holds it.

    `find` names the version in a DataSet, 0 for none; `expected` is the number it should have.
    """
    shown, grace_end = "", time.monotonic() + session.patience.grace_s
    for pause in session.patience.poll(session.patience.data_set_s):
        status, data_set = _ask_status(session, ref), find_data_set(session, ref)
        if status != shown:
            log("weights", f"{ref} version {expected}: {status}")
            shown = status
        number = find(data_set)
        is_late = time.monotonic() > grace_end
        latest = data_set.latest if data_set else 0
        if is_late and latest >= expected:
            number = number or expected  # Kaggle shows no note of it
        if data_set and number and (status == READY or number < latest):
            return number, data_set
        if status in FAILED and (is_late or latest >= expected):
            raise NotProcessedError(
                "weights",
                f"Kaggle could not process version {expected} of the data set {ref}",
                got=status,
                cure=f"see {name_address(ref)}; the same command sends it again, "
                "with --slug SLUG as another data set",
            )
        if status == _HIDDEN and is_late:
            raise _make_hidden(ref, expected)
        time.sleep(pause)
    raise PipelineError(
        "weights",
        f"the data set {ref} is not ready within the deadline",
        expected=f"{session.patience.data_set_s / 60:g} min at most",
        got=shown or "no status",
        cure="run the same command again: it finds this version and sends nothing new",
    )


def demand_private(ref: str, data_set: DataSet) -> None:
    """Raise PipelineError where everybody may read a data set."""
    if not data_set.is_private:
        raise PipelineError(
            "weights",
            f"the data set {ref} is PUBLIC: everybody can read it",
            expected="a private one",
            got=name_address(ref),
            cure="make it private there (Settings), or delete it, then run the same command "
            "again; --slug SLUG names another one",
        )


def name_address(ref: str) -> str:
    """A data set's owner/slug -> its page."""
    return f"https://www.kaggle.com/datasets/{ref}"


def _make_hidden(ref: str, expected: int) -> PipelineError:
    return PipelineError(
        "weights",
        f"Kaggle took version {expected} of the data set {ref} and does not show it",
        got=name_address(ref),
        cure="look whether your private space there is full, and run the same command "
        "again later; if you deleted it, --slug SLUG names another one",
    )


def _ask_status(session: KaggleSession, ref: str) -> str:
    """Ask for the status, in words where Kaggle cannot tell now or does not show it yet."""
    try:
        return get_data_set_status(session, ref)
    except KaggleError as error:
        if error.code in (403, 404):
            return _HIDDEN
        if not error.passing:
            raise
        return f"unknown ({error.got})"
