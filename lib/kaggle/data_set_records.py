"""Record each data set before and after it is made, and look up those that were cut off.

A process can end between Kaggle's answer and the ledger's line, so the intent is written first. The
version's note holds the sha256 of its bytes, by which a version that arrived is known again.
"""

import os
import re
from typing import Any

from lib.base.log import log
from lib.kaggle.client.data_sets import DataSet, find_data_set
from lib.kaggle.client.late_effects import look_again
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.data_set_content import Content
from lib.kaggle.ledger import DATA_SET, NEVER, list_pending
from lib.kaggle.workspace import Workspace

SENDING, SENT, UNSENT = "data_set_sending", DATA_SET, "data_set_unsent"
FAILED = "data_set_failed"  # Kaggle took it and could not process it
PUBLIC = "data_set_public"


class DataSetRecords:
    """What the ledger knows of one data set, and what is written there of it."""

    def __init__(self, work: Workspace, ref: str) -> None:
        self._work = work
        self._ref = ref

    def list_pending(self) -> list[dict[str, Any]]:
        """List the intents whose outcome no event records; each id once."""
        pending = list_pending(self._work.read_ledger(), DATA_SET)
        return [event for event in pending if event["ref"] == self._ref]

    def find_version(self, held: DataSet | None, sha256: str) -> int:
        """Find the latest version of these bytes in a DataSet; 0 where there is none."""
        numbers = held.find_versions(sha256) if held else []
        failed = self.list_failed(sha256)
        return next((number for number in numbers if number not in failed), 0)

    def find_sent(self, sha256: str) -> dict[str, Any] | None:
        """Find the latest version of these bytes that Kaggle took; None if that came to nothing."""
        events = self._list(SENT, FAILED, PUBLIC)
        last = next((each for each in reversed(events) if each.get("sha256") == sha256), None)
        return last if last and last["event"] == SENT else None

    def list_failed(self, sha256: str) -> set[int]:
        """List the versions of these bytes that Kaggle could not process."""
        failed: set[int] = set()
        for event in self._list(SENT, FAILED):
            if event.get("sha256") == sha256:  # a data set made anew counts from one again
                change = failed.add if event["event"] == FAILED else failed.discard
                change(event["version"])
        return failed

    def write_intent(self, version: int, content: Content) -> str:
        """Record that a version is about to be made, before each try; return the intent's id."""
        send_id = os.urandom(8).hex()
        self._write(SENDING, version, content.sha256, data_set_id=send_id, file=content.name)
        return send_id

    def write_sent(self, version: int, sha256: str, send_id: str = "", **facts: Any) -> None:
        """Record that Kaggle has a version of these bytes."""
        own = {"data_set_id": send_id} if send_id else {}
        self._write(SENT, version, sha256, **own, **facts)

    def write_unsent(self, version: int, sha256: str, send_id: str, reason: str) -> None:
        """Record why an intent failed; it is no longer pending."""
        self._write(UNSENT, version, sha256, data_set_id=send_id, reason=reason)

    def write_failed(self, version: int, sha256: str, reason: str) -> None:
        """Record that Kaggle could not process a version, so that the bytes may be sent again."""
        self._write(FAILED, version, sha256, reason=reason)

    def write_public(self, version: int, sha256: str) -> None:
        """Record that everybody can read a version, so that it may be deleted and sent again."""
        self._write(PUBLIC, version, sha256)

    def _write(self, event: str, version: int, sha256: str, **facts: Any) -> None:
        self._work.record(event, self._ref, version, sha256=sha256, **facts)

    def _list(self, *names: str) -> list[dict[str, Any]]:
        events = self._work.read_ledger()
        return [each for each in events if each["event"] in names and each["ref"] == self._ref]


def settle_sending(
    work: Workspace, session: KaggleSession, intent: dict[str, Any], wait: bool
) -> int:
    """Look up a version that was cut off, once or until its window ends; return it, 0 for none.

    The caller holds the lock of data sets.
    """
    ref, sha256, send_id = intent["ref"], str(intent.get("sha256")), intent["data_set_id"]
    records = DataSetRecords(work, ref)
    log("weights", f"sending {ref} was cut off at {intent.get('time', '?')}: looking for it there")

    def find() -> int | None:
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            return None  # a line that was edited
        return records.find_version(find_data_set(session, ref), sha256) or None

    def give_up() -> None:
        records.write_unsent(intent["version"], sha256, send_id, NEVER)

    found = look_again(session, "weights", f"it at {ref}", intent, find, give_up, wait)
    if found is None:
        return 0
    log("weights", f"it arrived: version {found}")
    records.write_sent(found, sha256, send_id, settled=True)
    return found
