"""Push variants under slugs of their own, two at a time; wait for them and fetch them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lib.base.errors import PipelineError
from lib.base.files import sha256_bytes, sha256_file
from lib.base.log import log
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.metadata import slugify
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.push import Cargo, push_cargo
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.runs_table import fold_events
from lib.kaggle.workspace import Workspace

_SESSIONS = 2  # GPU batch sessions that Kaggle runs at once for one user
_TITLE_CHARACTERS = 50


@dataclass(frozen=True)
class Variant:
    """One point of the sweep."""

    recipe: str
    overrides: tuple[str, ...]  # "key=value", of the keys that vary
    make_cargo: Callable[[], Cargo]  # called late, because all builds write the same file


def name_variant(metadata: Metadata, variant: Variant) -> Metadata:
    """(Metadata of the main kernel, Variant) -> Metadata with the variant's own title and slug."""
    words = re.sub(r"[^A-Za-z0-9]+", " ", " ".join([variant.recipe, *variant.overrides])).strip()
    title = f"{metadata.title} {words}"
    if len(title) > _TITLE_CHARACTERS:
        mark = sha256_bytes(repr((variant.recipe, variant.overrides)).encode())[:8]
        title = f"{metadata.title[: _TITLE_CHARACTERS - 9].rstrip()} {mark}"
    return replace(metadata, title=title, slug=slugify(title), id_no=None)


def sweep(
    work: Workspace, session: KaggleSession, metadata: Metadata, variants: list[Variant]
) -> list[str]:
    """Run all Variants on Kaggle; return the failures once all have ended.

    The same command again goes on where it was: a pushed bundle is not pushed twice.
    """
    waiting, active, failures = list(variants), list[tuple[str, int]](), list[str]()
    for pause in work.patience.poll(work.patience.run_s * max(1, len(variants))):
        while waiting and len(active) < _SESSIONS:
            started = _start(work, session, metadata, waiting[0])
            if started is None:
                break
            waiting.pop(0)
            active += [started] if started not in active else []
        before = len(active)
        for run in list(active):
            if (ended := _look(work, session, *run)) is not None:
                active.remove(run)
                failures += [ended] if ended else []
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
    work: Workspace, session: KaggleSession, metadata: Metadata, variant: Variant
) -> tuple[str, int] | None:
    """Push a Variant; return (owner/slug, version), or None where no session is free."""
    named = name_variant(metadata, variant)
    cargo = variant.make_cargo()
    digest = sha256_file(cargo.source)
    for run in fold_events(work.read_ledger()):
        same = run.ref == named.ref and run.push.get("source_sha256") == digest
        if same and run.status in ("PUSHED", "COMPLETE"):
            log("sweep", f"{named.slug} version {run.version} runs this script already")
            return run.ref, run.version
    try:
        pushed = push_cargo(work, session, named, cargo)
    except KaggleError as error:
        if "session count" not in error.got:
            raise
        log("sweep", f"{named.slug} waits: {error.got}")
        return None
    return pushed.ref, pushed.version


def _look(work: Workspace, session: KaggleSession, ref: str, version: int) -> str | None:
    """Look at a run; return None while it lasts, "" once it is fetched, else what went wrong."""
    try:
        status = get_status(session, ref, version)
    except KaggleError as error:
        if error.passing or error.code in (403, 404):  # a new kernel may be invisible at first
            return None
        raise
    if not status.is_terminal:
        return None
    log("sweep", f"{ref} version {version}: {status.name}")
    work.record("status", ref, version, status=status.name, message=status.message)
    try:
        fetch_and_record(work, session, ref, version)
    except PipelineError as error:
        return f"{error.what}: {error.got}"
    return ""
