"""Record each submission before and after it is made, and look up those that were cut off.

As for pushes: the intent is written first, and a pending submission is never simply repeated. The
mark at the end of its description shows whether it arrived.
"""

import os
from collections.abc import Sequence
from typing import Any

from lib.base.log import log
from lib.kaggle.client.late_effects import Journal, look_again
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.submissions import Score, list_submissions
from lib.kaggle.ledger import NEVER, SUBMIT, list_lost, list_pending
from lib.kaggle.workspace import Workspace

_OWN = ("time", "event", "ref", "version", "known")  # of the intent alone


def keep_journal(work: Workspace, ref: str, version: int, facts: dict[str, Any]) -> Journal:
    """Return the Journal that writes intents to submit a version, and failed ones, down."""
    submit_id = ""

    def intend(known: Sequence[int]) -> None:
        nonlocal submit_id
        submit_id = os.urandom(8).hex()
        own = {"submit_id": submit_id, "known": list(known)}
        work.record("submitting", ref, version, **facts, **own)

    def give_up(reason: str, lost: bool) -> None:
        _record_failure(work, ref, version, submit_id, reason, lost)

    return Journal(intend, give_up)


def record_submission(
    work: Workspace, ref: str, version: int, number: int, facts: dict[str, Any]
) -> None:
    """Record a submission with its number, once; the intent to make it is no longer pending."""
    pending = _list_marked(work, facts["competition"], facts["mark"])
    own = {"submit_id": pending[-1]["submit_id"]} if pending else {}
    if own or number not in _list_recorded(work):
        work.record("submit", ref, version, submission=number, **facts, **own)


def settle_marked(
    work: Workspace, session: KaggleSession, competition: str, mark: str
) -> int | None:
    """Look up a competition's pending submissions with a mark until their windows end.

    Return the number of the one that arrived, or None. The caller holds the lock of submissions.
    """
    found = None
    for intent in _list_marked(work, competition, mark):
        found = _settle(work, session, intent, wait=True) or found
    return found


def look_once(work: Workspace, session: KaggleSession) -> None:
    """Look once for all submissions that were cut off or given up; record those that are there."""
    for intent in list_pending(work.read_ledger(), SUBMIT):
        _settle(work, session, intent, wait=False)
    for intent in list_lost(work.read_ledger(), SUBMIT):
        _adopt_late(work, session, intent)


def _list_marked(work: Workspace, competition: str, mark: str) -> list[dict[str, Any]]:
    """List the pending submissions of one file to one competition."""
    pending = list_pending(work.read_ledger(), SUBMIT)
    return [e for e in pending if (e.get("competition"), e.get("mark")) == (competition, mark)]


def _settle(
    work: Workspace, session: KaggleSession, intent: dict[str, Any], wait: bool
) -> int | None:
    """Look up a pending submission, once or until its window ends; return its number."""
    ref, version, when = intent["ref"], intent["version"], intent.get("time", "?")
    log("submit", f"the submission of {ref} version {version} of {when} was cut off:")
    log("submit", "looking for it on Kaggle")

    def find() -> Score | None:
        return _find_new(work, session, intent)

    def give_up() -> None:
        _record_failure(work, ref, version, intent["submit_id"], NEVER, lost=True)

    score = look_again(session, "submit", "the submission", intent, find, give_up, wait)
    if score is None:
        return None
    log("submit", f"it arrived: submission {score.ref}, recorded now")
    _record_found(work, intent, score, {"settled": True})
    return score.ref


def _adopt_late(work: Workspace, session: KaggleSession, intent: dict[str, Any]) -> None:
    """Look once for a submission that counts as not arrived; record it if it did, and its twins."""
    score = _find_new(work, session, intent)
    if score is None:
        return
    ref, version = intent["ref"], intent["version"]
    same = intent.get("competition"), intent.get("mark")
    twins = [
        event["submission"]
        for event in work.read_ledger()
        if event["event"] == "submit" and (event.get("competition"), event.get("mark")) == same
        if event.get("submission") not in (intent.get("known") or [])
    ]
    when = intent.get("time", "?")
    log("submit", f"the submission of {ref} version {version} of {when} arrived late:")
    log("submit", f"submission {score.ref}, recorded now")
    if twins:
        names = ", ".join(map(str, twins))
        log("submit", f"submission {names} is the same file, sent after that one had been given")
        log("submit", "up: both count as submissions of the day, and their scores are equal")
    _record_found(work, intent, score, {"settled": True, "late": True, "twins": twins})


def _find_new(work: Workspace, session: KaggleSession, intent: dict[str, Any]) -> Score | None:
    """Look once for an intent's submission among those that the ledger does not know."""
    competition, mark = intent.get("competition"), intent.get("mark")
    if not isinstance(competition, str) or not isinstance(mark, str) or not mark:
        return None  # a line that was edited
    known = intent.get("known")
    others = _list_recorded(work) | set(known if isinstance(known, list) else [])
    listed = list_submissions(session, competition)
    found = [s for s in listed if s.ref not in others and s.description.rstrip().endswith(mark)]
    return found[-1] if found else None


def _list_recorded(work: Workspace) -> set[int]:
    """List the numbers of the submissions that the ledger has."""
    events = (event for event in work.read_ledger() if event["event"] == "submit")
    return {e["submission"] for e in events if type(e.get("submission")) is int}


def _record_found(
    work: Workspace, intent: dict[str, Any], score: Score, more: dict[str, Any]
) -> None:
    facts = {key: value for key, value in intent.items() if key not in _OWN}
    own = {**facts, **more, "submission": score.ref}
    work.record("submit", intent["ref"], intent["version"], **own)


def _record_failure(
    work: Workspace, ref: str, version: int, submit_id: str, reason: str, lost: bool
) -> None:
    """Record why a submission has no effect; `lost` means that it may still turn up."""
    facts = {"lost": True} if lost else {}
    work.record("unsubmitted", ref, version, submit_id=submit_id, reason=reason, **facts)
