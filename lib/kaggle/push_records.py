"""Record each push before and after it is made, and look up pushes that were cut off.

A process can end between Kaggle's answer and the ledger's line, so the intent is written first. A
pending push is never simply repeated: the kernel's versions show whether it arrived. One that was
given up is looked for by the commands of the next day, too.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from lib.base.log import log
from lib.kaggle.client.late_effects import look_again
from lib.kaggle.client.save_kernel import Pushed, VersionSearch
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.ledger import NEVER, list_later
from lib.kaggle.workspace import Workspace

_OWN = ("time", "event", "ref", "version", "push_id", "same_as")  # not facts


def record_intent(work: Workspace, ref: str, before: int, facts: dict[str, Any]) -> str:
    """Record that a push is about to be made; return its id."""
    push_id = os.urandom(8).hex()
    facts = json.loads(json.dumps(facts))
    for event in work.read_ledger():  # a sweep that waits for a free session comes here often
        same = event["event"] == "pushing" and isinstance(event.get("push_id"), str)
        if same and all(event.get(key) == facts[key] for key in facts):
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


def record_refusal(
    work: Workspace, push_id: str, ref: str, before: int, reason: str, lost: bool = False
) -> None:
    """Record why an intent failed; `lost` means that it may still turn up."""
    facts = {"lost": True} if lost else {}
    work.record("unpushed", ref, before + 1, push_id=push_id, reason=reason, **facts)


@dataclass(frozen=True)
class Found:
    """A push whose outcome was unknown, and the version that it turned out to be."""

    intent: dict[str, Any]
    pushed: Pushed
    twins: tuple[int, ...] = ()  # versions of the same request that were pushed in its stead
    is_late: bool = False  # it counted as not arrived

    def is_of(self, request: str) -> bool:
        """Tell whether it is a request, by its sha256, that nothing was pushed for since."""
        return not self.twins and self.intent.get("request_sha256") == request

    def record(self, work: Workspace) -> None:
        """Record the push with the facts of its intent."""
        log("push", "whether Kaggle knows all its sources is not known: see its log")
        facts = {key: value for key, value in self.intent.items() if key not in _OWN}
        late = {"late": True, "twins": list(self.twins)} if self.is_late else {}
        record_push(work, self.intent["push_id"], self.pushed, facts, settled=True, **late)


def find_pending(
    work: Workspace, session: KaggleSession, event: dict[str, Any], wait: bool = True
) -> Found | None:
    """Look up a pending push; record that it did not arrive, or return it to be recorded.

    It is looked for until its window ends; without `wait` once, and it then stays pending. The
    caller holds the lock of pushes. Where Kaggle cannot tell now, KaggleError is raised and the
    intent stays pending.
    """
    ref, when, push_id = event["ref"], event.get("time", "?"), event["push_id"]
    log("push", f"the push of {ref} of {when} was cut off: looking for it on Kaggle")
    look = _search(work, session, event).look

    def give_up() -> None:
        record_refusal(work, push_id, ref, event["version"] - 1, NEVER, lost=True)

    pushed = look_again(session, "push", "the push", event, look, give_up, wait)
    if pushed is None:
        return None
    log("push", f"it arrived: {ref} version {pushed.version}, recorded now")
    return Found(event, pushed)


def find_late(work: Workspace, session: KaggleSession, intent: dict[str, Any]) -> Found | None:
    """Look once for a push that counts as not arrived; return it if it turned up all the same.

    What was pushed in its stead is named. The caller holds the lock of pushes.
    """
    ref, request = intent["ref"], intent.get("request_sha256")
    if not work.locate_source(str(intent.get("source_sha256"))).is_file():
        return None  # any version might be it
    pushed = _search(work, session, intent).look()
    if pushed is None:
        return None
    later = [e for e in list_later(work.read_ledger(), intent) if e["event"] == "push"]
    twins = [e["version"] for e in later if e.get("request_sha256") == request]
    when, version = intent.get("time", "?"), pushed.version
    log("push", f"the push of {ref} of {when} arrived late: version {version}, recorded now")
    if twins:
        names = ", ".join(map(str, twins))
        log("push", f"version {names} is the same script, pushed after that one had been given up:")
        log("push", f"stop version {version} or {names} at {pushed.url}")
    return Found(intent, pushed, tuple(twins), is_late=True)


def _search(work: Workspace, session: KaggleSession, intent: dict[str, Any]) -> VersionSearch:
    """An intent -> the search for its script among the versions of no other push."""
    later = list_later(work.read_ledger(), intent)
    taken = [event["version"] for event in later if event["event"] == "push"]
    source = work.locate_source(str(intent.get("source_sha256")))
    text = source.read_text(encoding="utf-8") if source.is_file() else None
    return VersionSearch(session, intent["ref"], text, intent["version"] - 1, taken)
