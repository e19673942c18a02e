"""Put a file on Kaggle as a private data set, once for the same bytes, and wait until it is ready.

Each version's note holds the sha256 of its bytes. So a version that is there already is found,
whoever made it, and a call whose answer was lost is looked for before it is made again.
"""

from dataclasses import dataclass

from lib.base.log import log
from lib.kaggle.client.data_sets import (
    DataSet,
    create_data_set,
    create_version,
    find_data_set,
    upload_blob,
)
from lib.kaggle.client.late_effects import Journal, call_once
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.data_set_content import Content
from lib.kaggle.data_set_records import DataSetRecords, settle_sending
from lib.kaggle.ledger import read_age
from lib.kaggle.wait_for_data_set import NotProcessedError, demand_private, wait_for_data_set
from lib.kaggle.workspace import Workspace


@dataclass(frozen=True)
class Placed:
    """A version of a data set that is ready."""

    ref: str
    version: int
    is_latest: bool
    is_new: bool  # made by this call

    @property
    def source(self) -> str:
        """What dataset_sources has to name: the latest version needs no number."""
        return self.ref if self.is_latest else f"{self.ref}/{self.version}"


def push_data_set(
    work: Workspace, session: KaggleSession, ref: str, content: Content, message: str
) -> Placed:
    """Make a data set's version of a file, unless it has one; return it when it is ready.

    Raise PipelineError where the data set is public, or Kaggle cannot process the file.
    """
    placing = _Placing(work, session, ref, content, message)
    refuse_secrets("the version's note", placing.note, session.secrets)
    refuse_secrets("the file's name", content.name, session.secrets)
    with work.hold("data-set", wait=True):  # the later of two processes finds the earlier's
        held = find_data_set(session, ref)
        if held is not None:
            demand_private(ref, held)
        found = placing.find_version(held)
        version = found or placing.send(held)
    try:
        number, data_set = wait_for_data_set(session, ref, version, placing.find)
    except NotProcessedError as error:
        placing.records.write_failed(version, content.sha256, error.got)
        raise
    if not data_set.is_private:
        placing.records.write_public(number, content.sha256)
    demand_private(ref, data_set)
    return Placed(ref, number, number >= data_set.latest, is_new=not found)


class _Placing:
    """One file on its way into one data set."""

    def __init__(
        self, work: Workspace, session: KaggleSession, ref: str, content: Content, message: str
    ) -> None:
        self._work = work
        self._session = session
        self._ref = ref
        self._content = content
        self._send_id = ""  # of the intent
        self._number = 0  # that the version should have
        self.records = DataSetRecords(work, ref)
        self.note = f"{message} [sha256 {content.sha256}]"

    def find(self, held: DataSet | None) -> int:
        """Find the latest version of these bytes in a DataSet; 0 where there is none."""
        return self.records.find_version(held, self._content.sha256)

    def find_version(self, held: DataSet | None) -> int:
        """Find the version of these bytes, perhaps one that was cut off; 0 where there is none."""
        sha256, number = self._content.sha256, self.find(held)
        sent = self.records.find_sent(sha256)
        if not number and sent and read_age(sent) < self._session.patience.data_set_s:
            log("weights", f"Kaggle took it at {sent.get('time')} and does not show it yet")
            return int(sent["version"])
        for intent in self.records.list_pending():
            is_same = intent.get("sha256") == sha256
            arrived = settle_sending(self._work, self._session, intent, wait=is_same)
            number = arrived if is_same and arrived else number
        if number:
            self._adopt(number, held)
        return number

    def send(self, held: DataSet | None) -> int:
        """Upload the file and make a version of it; return the number that it should have."""
        content, number = self._content, (held.latest if held else 0) + 1
        if held and held.files and content.name not in held.files:
            others = ", ".join(map(self._session.clean, held.files[:3]))
            log("weights", f"version {number} will hold {content.name} alone, not {others}")
        log("weights", f"uploading {content.name}, {content.size:,} bytes, to {self._ref}")
        token = upload_blob(self._session, content.path, content.name)
        content.demand_unchanged()
        made = call_once(
            self._session,
            f"version {number} of {self._ref}",
            lambda: self._make(number, token),
            self._find_now,
            Journal(lambda _: self._intend(number), lambda reason, _: self._give_up(reason)),
            (),
        )
        self.records.write_sent(made, content.sha256, self._send_id, file=content.name)
        log("weights", f"Kaggle took it: {self._ref} version {made}")
        return made

    def _make(self, number: int, token: str) -> int:
        if number == 1:
            title = self._ref.split("/")[1].replace("-", " ").title()
            create_data_set(self._session, self._ref, title, self.note, token)
        else:
            create_version(self._session, self._ref, self.note, token)
        return number

    def _find_now(self) -> int | None:
        return self.find(find_data_set(self._session, self._ref)) or None

    def _intend(self, number: int) -> None:
        self._number = number
        self._send_id = self.records.write_intent(number, self._content)

    def _give_up(self, reason: str) -> None:
        self.records.write_unsent(self._number, self._content.sha256, self._send_id, reason)

    def _adopt(self, number: int, held: DataSet | None) -> None:
        """Say which version holds these bytes, all where there are several; record it."""
        numbers = held.find_versions(self._content.sha256) if held else [number]
        if len(numbers) > 1:
            log("weights", f"versions {', '.join(map(str, numbers))} hold the same bytes")
        sent = self.records.find_sent(self._content.sha256)
        if sent is None or sent["version"] != number:
            self.records.write_sent(number, self._content.sha256, adopted=True)
        log("weights", f"{self._ref} version {number} is this very file: nothing new is sent")
