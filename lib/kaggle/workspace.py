"""Metadata, ledger and folders below the repository's root that the loop's commands share."""

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.base.disk_errors import explain_disk
from lib.base.errors import InputError
from lib.base.file_lock import lock, open_lock_file
from lib.base.log import log
from lib.base.run_files import SUBMISSION
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.ledger import LEDGER, append_event, read_events
from lib.kaggle.metadata import PLACEHOLDER_OWNER, demand_owner, take_form
from lib.kaggle.metadata_fields import FILE_NAME, Metadata, parse_metadata, read_fields

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Workspace:
    """The root in which a command of the loop works, how long it waits, and what its project says.

    A project is the folder of kernel-metadata.json.
    """

    root: Path
    patience: Patience = field(default_factory=Patience)
    columns: tuple[str, ...] = ()  # keys of metrics.json that the ledger records
    competition: str = ""  # whose slug; "": the one that kernel-metadata.json attaches
    check: str = ""  # "module:function" of the project; "": none
    submission: str = SUBMISSION  # the output that is submitted
    best: str = ""  # "low" or "high": which scores come first; "": the latest run does
    entry: str = ""  # as --entry named it; "": the project is this repository
    old_names: Mapping[str, str] = field(default_factory=dict)  # keys of older ledgers -> today's
    is_overridden: bool = False  # --competition was given: it stands above all that is recorded

    def name_command(self, words: str) -> str:
        """Words such as "watch 3" -> the whole command line that works on this project."""
        entry = f" --entry {shlex.quote(self.entry)}" if self.entry else ""
        return f"python build.py {words}{entry}"

    def read_metadata(self, form: str | None = None) -> Metadata:
        """Read kernel-metadata.json for a form; raise InputError while its owner is missing.

        Without a form it is this repository's script, or what the file of --entry's project says.
        """
        form = form or (None if self.entry else "script")
        fields = read_fields(self.root / FILE_NAME)
        metadata = parse_metadata(take_form(fields, form) if form else fields)
        if self.entry and metadata.owner == PLACEHOLDER_OWNER:
            cure = f"{self.name_command('init --owner NAME')}, with your name on Kaggle"
            what = f"the owner is still {PLACEHOLDER_OWNER!r}"
            raise InputError("metadata", what, got=metadata.ref, cure=cure)
        demand_owner(metadata)
        return metadata

    @contextmanager
    def hold(self, what: str, wait: bool) -> Iterator[bool]:
        """Take the lock for pushing or submitting; yield whether this process got it.

        The lock is a file in runs/. It is freed when its process ends.
        """
        path = self.root / "runs" / f"{what}.lock"
        with explain_disk(what, "runs/ cannot be written", path):
            file = open_lock_file(path)
        with file:
            held = lock(file, wait=False)
            if not held and wait:
                log(what, f"another {what} from here is under way: waiting for it")
                held = lock(file)
            yield held

    def locate_run(self, ref: str, version: int) -> Path:
        """(owner/slug, version) -> runs/<slug>/v<N>, the folder of its outputs."""
        return self.root / "runs" / ref.split("/")[1] / f"v{version}"

    def locate_source(self, sha256: str) -> Path:
        """A pushed script's sha256 -> the file that keeps its text for `runs --diff`."""
        return self.root / "runs" / "bundles" / f"{sha256[:16]}.py"

    def read_ledger(self, tell: bool = False) -> list[dict[str, Any]]:
        """Read all events of this root's ledger; `tell` reports invalid lines.

        What an older ledger holds under another name has today's, too.
        """
        events = read_events(self.root / LEDGER, tell)
        for event in events:
            for old, new in self.old_names.items():
                if old in event:
                    event.setdefault(new, event[old])
        return events

    def record(self, event: str, ref: str, version: int, **facts: Any) -> None:
        """Append an event and its facts to the ledger."""
        append_event(self.root / LEDGER, event, ref, version, **facts)

    def find_push(self, ref: str, version: int) -> dict[str, Any] | None:
        """Find a version's push in the ledger; None where it was pushed from elsewhere."""
        return self.find_event("push", ref, version)

    def find_event(self, event: str, ref: str, version: int) -> dict[str, Any] | None:
        """Find the last event of a kind in the ledger that is about a version; None for none."""
        for each in reversed(self.read_ledger()):
            if (each["event"], each["ref"], each["version"]) == (event, ref, version):
                return each
        return None

    def find_last_version(self, ref: str, but_twins: bool = False) -> int:
        """Find a kernel's latest version in the ledger; 0 for none.

        Versions of a kernel made anew count from one again, so it is that of the last push, but
        one that turned up late may be older than the last. A deleted kernel has none. With
        `but_twins` a late one does not count in whose stead the same script had been pushed.
        """
        last = 0
        for event in self.read_ledger():
            if event["event"] == "delete" and event["ref"] == ref:
                last = 0
            elif event["event"] == "push" and event["ref"] == ref:
                if but_twins and event.get("late") and event.get("twins"):
                    continue
                number = event["version"]
                last = max(last, number) if event.get("late") else number
        return last

    def choose_version(self, text: str | None) -> tuple[str, int]:
        """ "3", "v3", "slug/3" or None for the last push -> (owner/slug, version).

        The last push stays the same while its late twin turns up: a repeated `submit` must find
        what an earlier one sent.
        """
        metadata = self.read_metadata()
        if text is None:
            version = self.find_last_version(metadata.ref, but_twins=True)
            if not version:
                raise InputError(
                    "version",
                    f"the ledger knows no push of {metadata.ref}",
                    cure=f"{self.name_command('push')}, or give a version number",
                )
            return metadata.ref, version
        found = re.fullmatch(r"(?:([a-z0-9-]+)[/:])?v?([1-9]\d{0,8})", text)
        if not found:
            raise InputError(
                "version",
                "cannot be read",
                expected="a number, or slug/number for another kernel",
                got=repr(text),
                cure=f"{self.name_command('runs')} lists the versions",
            )
        return f"{metadata.owner}/{found[1] or metadata.slug}", int(found[2])
