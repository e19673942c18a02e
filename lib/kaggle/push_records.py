"""Record each push before and after it is made, and look up pushes that were cut off.

A process can end between Kaggle's answer and the ledger's line, so the intent is written first. A
pending push is never simply repeated: the kernel's versions show whether it arrived.
"""

import json
import os
from typing import Any

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.client.save_kernel import Pushed, find_arrived
from lib.kaggle.client.session import KaggleSession, open_session
from lib.kaggle.ledger import list_pending
from lib.kaggle.workspace import Workspace

_OWN = ("time", "event", "ref", "version", "push_id", "same_as")  # not facts


def record_intent(work: Workspace, ref: str, before: int, facts: dict[str, Any]) -> str:
    """Record that a push is about to be made; return its id."""
    push_id = os.urandom(8).hex()
    facts = json.loads(json.dumps(facts))
    for event in work.read_ledger():  # a sweep that waits for a free session comes here often
        if event["event"] == "pushing" and all(event.get(key) == facts[key] for key in facts):
            facts = {"same_as": event["push_id"]}
            break
    work.record("pushing", ref, before + 1, push_id=push_id, **facts)
    return push_id


def record_push(
    work: Workspace, push_id: str, pushed: Pushed, facts: dict[str, Any], **more: Any
) -> None:
    """Record that an intent became a push, with its facts."""
    status = {"status": "FAULTY"} if pushed.faults else {}
    faults = list(pushed.faults)
    own = {"push_id": push_id, "faults": faults, **status, **more}
    work.record("push", pushed.ref, pushed.version, **facts, **own)


def record_refusal(work: Workspace, push_id: str, ref: str, before: int, reason: str) -> None:
    """Record why an intent failed; it is no longer pending."""
    work.record("unpushed", ref, before + 1, push_id=push_id, reason=reason)


def settle_pending(
    work: Workspace, session: KaggleSession, event: dict[str, Any]
) -> tuple[Pushed, str] | None:
    """Look up a pending push; return (version, request's sha256), or None if it did not arrive.

    The caller holds the lock of pushes. Where Kaggle cannot tell now, KaggleError is raised and
    the intent stays pending.
    """
    ref, when, push_id = event["ref"], event.get("time", "?"), event["push_id"]
    before = event["version"] - 1
    log("push", f"the push of {ref} of {when} was cut off: looking for it on Kaggle")
    source = work.locate_source(str(event.get("source_sha256")))
    text = source.read_text(encoding="utf-8") if source.is_file() else None
    pushed = find_arrived(session, ref, text, before)
    if pushed is None:
        log("push", "it never arrived there")
        record_refusal(work, push_id, ref, before, "it never arrived")
        return None
    log("push", f"it arrived: {ref} version {pushed.version}, recorded now")
    log("push", "whether Kaggle knows all its sources is not known: see its log")
    facts = {key: value for key, value in event.items() if key not in _OWN}
    record_push(work, push_id, pushed, facts, settled=True)
    return pushed, str(event.get("request_sha256"))


def settle_pushes(work: Workspace) -> None:
    """Look up pending pushes where Kaggle can be asked; raise no error.

    Without a pending push Kaggle is not asked.
    """
    if not list_pending(work.read_ledger()):
        return
    with work.hold("push", wait=False) as held:
        if not held:
            log("push", "a push from here is under way in another process")
            return
        try:
            with open_session(work.patience) as session:
                for event in list_pending(work.read_ledger()):
                    settle_pending(work, session, event)
        except PipelineError as error:
            log("push", f"whether it arrived is not known yet: {error.what}, {error.got}")
            log("push", "the next push, runs or watch looks again")
