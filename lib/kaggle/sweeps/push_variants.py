"""Push kernels of a sweep under slugs of their own, two at a time; wait for them and fetch them.

Each runs one variant, or in a pack two of them.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lib.base.errors import PipelineError
from lib.base.files import sha256_bytes
from lib.base.log import log
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.metadata import slugify
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.push import Cargo, push_cargo
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.runs_table import fold_events
from lib.kaggle.sweeps.packs import list_fetched, list_variants
from lib.kaggle.workspace import Workspace

_SESSIONS = 2  # GPU batch sessions that Kaggle runs at once for one user
_TITLE_CHARACTERS = 50


@dataclass(frozen=True)
class Variant:
    """What one kernel of the sweep runs."""

    label: str  # its name begins with it
    words: tuple[str, ...]  # what tells it from the others, such as "key=value"
    make_cargo: Callable[[], Cargo]  # called late, because all builds write the same file


def name_variants(metadata: Metadata, variants: Sequence[Variant]) -> list[Metadata]:
    """(Metadata of the main kernel, Variants) -> theirs; no two have the same slug.

    "lr=1e-4" and "lr=1e+4" would have one, and then be versions of one kernel.
    """
    plain = [name_variant(metadata, variant) for variant in variants]
    counts = Counter(named.slug for named in plain)
    return [
        named if counts[named.slug] == 1 else name_variant(metadata, variant, is_marked=True)
        for named, variant in zip(plain, variants, strict=True)
    ]


def name_variant(metadata: Metadata, variant: Variant, is_marked: bool = False) -> Metadata:
    """(Metadata of the main kernel, Variant) -> Metadata with the variant's own title and slug."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", " ".join([variant.label, *variant.words])).strip()
    title = f"{metadata.title} {words}"
    if len(title) > _TITLE_CHARACTERS or is_marked:
        mark = sha256_bytes(repr((variant.label, variant.words)).encode())[:8]
        title = f"{metadata.title[: _TITLE_CHARACTERS - 9].rstrip()} {mark}"
    return replace(metadata, title=title, slug=slugify(title), id_no=None)


def sweep(
    work: Workspace,
    session: KaggleSession,
    metadata: Metadata,
    variants: list[Variant],
    sweep_id: str = "",
) -> list[str]:
    """Run all Variants on Kaggle; return the failures once all have ended.

    The same command again goes on where it was: a pushed bundle is not pushed twice.
    """
    look = _Look(work, session, sweep_id)
    waiting = list(zip(name_variants(metadata, variants), variants, strict=True))
    active, failures, told = list[tuple[str, int]](), list[str](), set[str]()
    for pause in work.patience.poll(work.patience.run_s * max(1, len(variants))):
        while waiting and len(active) < _SESSIONS:
            with work.hold("sweep", wait=True):  # the later of two finds what the earlier pushed
                started = _start(work, session, *waiting[0], sweep_id, told)
            if started is None:
                break
            waiting.pop(0)
            active += [started] if started not in active else []
        before = len(active)
        for run in list(active):
            if (ended := look.look(*run)) is not None:
                active.remove(run)
                failures += ended
        if not waiting and not active:
            return failures
        if len(active) == before:
            time.sleep(pause)
    raise PipelineError(
        "sweep",
        "not all runs have ended within the deadline",
        got=f"{len(active)} running, {len(waiting)} waiting",
        cure="run the same command again: it goes on where it is",
    )


def _start(
    work: Workspace,
    session: KaggleSession,
    named: Metadata,
    variant: Variant,
    sweep_id: str,
    told: set[str],
) -> tuple[str, int] | None:
    """Push a Variant; return (owner/slug, version), or None where no session is free.

    `told` holds what was said of waiting, which is not said at every try.
    """
    cargo = variant.make_cargo()
    if sweep_id:
        cargo = replace(cargo, facts={**cargo.facts, "sweep": sweep_id})
    digest = sha256_bytes(cargo.read().encode())
    for run in fold_events(work.read_ledger()):
        same = run.ref == named.ref and run.push.get("source_sha256") == digest
        shape = run.push.get("machine_shape", named.machine_shape)  # old ledgers lack it
        if same and shape == named.machine_shape and run.status in ("PUSHED", "COMPLETE"):
            log("sweep", f"{named.slug} version {run.version} runs this script already")
            return run.ref, run.version
    try:
        pushed = push_cargo(work, session, named, cargo)
    except KaggleError as error:
        if "session count" not in error.got:
            raise
        words = f"{named.slug} waits: {error.got}"
        if words not in told:
            told.add(words)
            log("sweep", words)
        return None
    return pushed.ref, pushed.version


class _Look:
    """Looks at the runs of a sweep, and remembers since when Kaggle shows none of a version."""

    def __init__(self, work: Workspace, session: KaggleSession, sweep_id: str) -> None:
        self._work = work
        self._session = session
        self._sweep_id = sweep_id
        self._missing_since: dict[tuple[str, int], float] = {}

    def look(self, ref: str, version: int) -> list[str] | None:
        """Look at a run; return None while it lasts, then, once it is fetched, its failures."""
        try:
            status = get_status(self._session, ref, version)
        except KaggleError as error:
            if error.passing:
                return None
            if error.code not in (403, 404):
                raise
            return self._wait_for(ref, version, error.got)
        self._missing_since.pop((ref, version), None)
        if not status.is_terminal:
            return None
        log("sweep", f"{ref} version {version}: {status.name}")
        facts = {"status": status.name, "message": status.message}
        self._work.record("status", ref, version, **facts)
        try:
            fetch_and_record(self._work, self._session, ref, version)
        except PipelineError as error:
            return self._name_failures(ref, version, f"{error.what}: {error.got}")
        found = list_fetched(self._work.locate_run(ref, version))
        return [
            f"{one.name}: {self._session.clean(one.error)}" for one in found if not one.is_valid
        ]

    def _wait_for(self, ref: str, version: int, got: str) -> list[str] | None:
        """Wait for a version that Kaggle does not show; a new kernel may be invisible at first."""
        now, grace_s = time.monotonic(), self._work.patience.grace_s
        if now < self._missing_since.setdefault((ref, version), now) + grace_s:
            return None
        reason = f"{ref} version {version} is not on Kaggle ({got}): was its kernel deleted?"
        again = self._work.name_command(f"sweep --delete {self._sweep_id or 'ID'}")
        log("sweep", f"{reason} {again} forgets it, and then the sweep pushes it anew")
        return self._name_failures(ref, version, reason)

    def _name_failures(self, ref: str, version: int, reason: str) -> list[str]:
        """Return what went wrong in a version that failed as a whole, for each of its variants."""
        found = list_fetched(self._work.locate_run(ref, version))
        own = {one.name: self._session.clean(one.error) for one in found if not one.is_valid}
        names = list_variants(self._work.find_push(ref, version))
        return [f"{name}: {own.get(name, reason)}" for name in names] or [reason]
