"""Watch or fetch a version on Kaggle, and record the outcome in the ledger."""

from collections.abc import Sequence
from typing import Any

from lib.base.disk_errors import explain_disk
from lib.base.errors import PipelineError
from lib.base.files import sha256_file
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.current_run import demand_ended
from lib.kaggle.fetch import Fetched, fetch_version
from lib.kaggle.running_device import check_saved_log, find_asked_shape
from lib.kaggle.runs_table import read_number
from lib.kaggle.sweeps.packs import FetchedVariant, list_fetched
from lib.kaggle.watch import Watched, demand_complete, watch_version
from lib.kaggle.workspace import Workspace

_INTERRUPTED = 130
_NAMED = 10  # files that were not fetched; more are counted


def watch_and_record(work: Workspace, session: KaggleSession, ref: str, version: int) -> int:
    """Watch a version until it ends; return 0 for COMPLETE, raise PipelineError for other ends.

    Ctrl-C leaves the kernel running: the code is then 130, and a line says how to resume.
    """
    try:
        asked = find_asked_shape(work, ref, version)
        watched = watch_version(session, ref, version, asked)
    except KeyboardInterrupt:
        log("watch", "stopped watching; the kernel goes on")
        again = work.name_command(f"watch {ref.split('/')[1]}/{version}")
        log("watch", f"to resume: {again}")
        return _INTERRUPTED
    facts = {"status": watched.status.name, "message": watched.status.message}
    work.record("status", ref, version, **facts, minutes=watched.minutes)
    demand_complete("watch", watched, ref, version)
    step = work.name_command(f"fetch {ref.split('/')[1]}/{version}")
    log("watch", f"complete; next: {step}")
    return 0


def fetch_and_record(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    patterns: Sequence[str] = (),
) -> None:
    """Fetch a version's outputs, or those that a pattern names, and record what they say.

    The ledger gets the project's columns and the hash of what to submit. A program that is no
    kernel of ours need not write a manifest: its outputs are then not verified, and that is said.
    """
    status = demand_ended(work, session, "fetch", ref, version)
    target = work.locate_run(ref, version)
    with explain_disk("fetch", "the outputs cannot be written", target):
        fetched = fetch_version(session, ref, version, target, patterns)
    _record_fetch(work, session, ref, version, status.name, fetched)
    variants = list_fetched(target)
    for one in variants:
        _record_variant(work, session, ref, version, status.name, one)
    check_saved_log(work, ref, version, target)
    where = target.relative_to(work.root)
    log("fetch", f"{fetched.files} files in {where}")
    if fetched.unverified:
        log("fetch", f"not in the manifest, so not verified: {', '.join(fetched.unverified[:5])}")
    _tell_left_out(fetched.left_out)
    demand_complete("fetch", Watched(status, fetched.minutes), ref, version)
    _look_at_manifest(work, ref, version, fetched.manifest)
    for name in [f"/{one.name}" for one in variants if one.is_valid] or [""]:
        step = work.name_command(f"submit {ref.split('/')[1]}/{version}{name} -m TEXT")
        log("fetch", f"next: {step}")


def _record_variant(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    status: str,
    one: FetchedVariant,
) -> None:
    """Record what the files of one variant of a version say; tell of one that failed."""
    path = work.locate_run(ref, version) / one.name / work.submission
    work.record(
        "fetch",
        ref,
        version,
        variant=one.name,
        status=status if one.is_valid else "ERROR",
        metrics=_pick_columns(session, work.columns, one.metrics, one.manifest),
        bundle_sha256=one.manifest.get("bundle_sha256"),
        verified=True,  # by the manifest of the whole version
        submission_sha256=sha256_file(path) if path.is_file() else None,
    )
    if not one.is_valid:
        log("fetch", f"warning: {one.name} failed: {session.clean(one.error)}")


def _record_fetch(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    status: str,
    fetched: Fetched,
) -> None:
    """Record the project's columns, and whether a manifest vouches for the file to submit."""
    manifest, path = fetched.manifest or {}, work.locate_run(ref, version) / work.submission
    work.record(
        "fetch",
        ref,
        version,
        status=status,
        minutes=fetched.minutes,
        metrics=_pick_columns(session, work.columns, fetched.metrics, manifest),
        bundle_sha256=manifest.get("bundle_sha256"),
        verified="bundle_sha256" in manifest and work.submission not in fetched.unverified,
        submission_sha256=sha256_file(path) if path.is_file() else None,
    )


def _pick_columns(
    session: KaggleSession,
    names: Sequence[str],
    metrics: dict[str, Any],
    manifest: dict[str, Any],
) -> dict[str, Any]:
    """(columns, metrics.json, the manifest) -> the columns' values that fit into a table."""
    picked = {}
    for name in names:
        value = metrics.get(name, manifest.get(name))
        if isinstance(value, (str, int, float)):
            picked[name] = session.clean(value)[:200] if isinstance(value, str) else value
        elif (number := read_number(value)) is not None:
            picked[name] = number
    return picked


def _look_at_manifest(
    work: Workspace, ref: str, version: int, manifest: dict[str, Any] | None
) -> None:
    """Raise PipelineError where this repository's kernel left no manifest, or another bundle's."""
    if work.entry and "bundle_sha256" not in (manifest or {}):
        log("fetch", f"not verified: the program left no {MANIFEST} of this loop's kernels")
        return
    if manifest is None:
        raise PipelineError(
            "fetch",
            f"the run left no {MANIFEST}, so nothing is verified",
            got=str(work.locate_run(ref, version).relative_to(work.root)),
            cure="look at its log there; a run of this project's bundle always leaves one",
        )
    _compare_bundle(work, ref, version, manifest.get("bundle_sha256"))


def _tell_left_out(names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        log("fetch", f"not fetched: {', '.join(names[:_NAMED])}{more}")


def _compare_bundle(work: Workspace, ref: str, version: int, bundle: object) -> None:
    push = work.find_push(ref, version)
    if push is None:
        log("fetch", "this version was not pushed from here: its bundle is taken as it is")
    elif push.get("bundle_sha256") != bundle:
        raise PipelineError(
            "fetch",
            "another bundle made this run than the one that was pushed",
            expected=str(push.get("bundle_sha256"))[:12],
            got=str(bundle)[:12],
            cure="someone else pushed to this kernel: compare its versions on kaggle.com",
        )
