"""Watch, fetch or submit a version on Kaggle, and record the outcome in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.base.disk_errors import explain_disk
from lib.base.errors import InputError, PipelineError
from lib.base.files import sha256_file
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.late_effects import Journal
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.submissions import (
    Check,
    Checked,
    Score,
    count_left,
    demand_score,
    find_submission,
    submit_file,
    submit_kernel,
    wait_for_score,
)
from lib.kaggle.current_run import demand_completed, is_current
from lib.kaggle.fetch import Fetched, fetch_version
from lib.kaggle.fetched_folder import list_lacking
from lib.kaggle.running_device import check_saved_log, find_asked_shape
from lib.kaggle.runs_table import read_number
from lib.kaggle.submit_records import keep_journal, look_once, record_submission, settle_marked
from lib.kaggle.sweeps.packs import FetchedVariant, choose_variant, list_fetched
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
    status = session.repeat(lambda: get_status(session, ref, version))
    if not status.is_terminal:
        raise PipelineError(
            "fetch",
            f"{ref} version {version} has not ended",
            got=status.name,
            cure=work.name_command(f"watch {ref.split('/')[1]}/{version}"),
        )
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


def submit_and_record(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    message: str,
    as_kernel: bool,
    check: Check,
    variant: str = "",
) -> dict[str, Any]:
    """Submit a version, or a variant of it, once, if `check` accepts its CSV; return its scores.

    By the mark that ends its description a submission is found whose answer was lost.
    """
    competition = _read_competition(work, ref, version)
    demand_completed(work, session, ref, version)
    variant = choose_variant(work.find_push(ref, version), variant, ref, version)
    tag = {"variant": variant} if variant else {}
    checked = _check_run(work, session, ref, version, check, variant)
    mark = _make_mark(ref, version, variant, as_kernel, checked)
    description = f"{message} {mark}"
    refuse_secrets("the message", description, session.secrets)
    facts = {"competition": competition, "mark": mark, "csv_sha256": checked.sha256, **tag}
    journal = keep_journal(work, ref, version, {**facts, "description": description})
    wanted = _Wanted(competition, ref, version, checked, description, mark, as_kernel, variant)
    with work.hold("submit", wait=True):  # the later of two processes finds the earlier's
        number = settle_marked(work, session, mark)
        if number is None:
            look_once(work, session)
            number = _create(session, wanted, journal)
        else:
            log("submit", "that is this submission: nothing new is sent")
        record_submission(work, ref, version, number, facts)
    told = {"ref": ref, "version": version, **tag, "submission": number}
    shown = _record_score(work, session, ref, version, number, tag)
    return {**told, "csv_sha256": checked.sha256, **shown}


def _record_score(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    number: int,
    tag: dict[str, str],
) -> dict[str, Any]:
    """Wait for a submission's scores and record them; return status and scores, None: not shown."""
    score = wait_for_score(session, number)
    shown = {"public": score.public, "private": score.private}
    work.record("score", ref, version, submission=number, result=score.status, **shown, **tag)
    _tell_score(score)
    return {"status": score.status, **{key: shown[key] or None for key in shown}}


def _make_mark(ref: str, version: int, variant: str, as_kernel: bool, checked: Checked) -> str:
    """What is submitted, and how -> the end of its description, by which it is found again."""
    named = f"v{version}/{variant}" if variant else f"v{version}"
    kind = " kernel" if as_kernel else ""
    return f"[{ref.split('/')[1]} {named}{kind} {checked.sha256[:12]}]"


def _tell_score(score: Score) -> None:
    """Print the scores; raise PipelineError where Kaggle could not score the file."""
    demand_score(score)
    log("submit", f"public score   {score.public or 'not shown'}")
    log("submit", f"private score  {score.private or 'not shown (as usual before the end)'}")


def _check_run(
    work: Workspace, session: KaggleSession, ref: str, version: int, check: Check, variant: str
) -> Checked:
    """Fetch a version, unless it is already here as Kaggle holds it, and check its CSV."""
    folder = work.locate_run(ref, version)
    lacking = list_lacking(folder)
    if work.entry and lacking == [MANIFEST] and (folder / work.submission).is_file():
        lacking = []  # a program that leaves no manifest
    if lacking:
        log("submit", f"version {version} is not here yet, or not all of it: fetching it")
        fetch_and_record(work, session, ref, version)
    elif not is_current(work, session, ref, version):
        where = folder.relative_to(work.root)
        log("submit", f"{where} is not what Kaggle holds of version {version}, as after a")
        log("submit", "kernel was deleted and made anew: fetching it again")
        fetch_and_record(work, session, ref, version)
    for one in list_fetched(folder):
        if one.name == variant and not one.is_valid:
            cure = f"nothing was submitted; its log is in {folder.relative_to(work.root)}"
            raise PipelineError(
                "submit", f"{variant} failed in this pack", got=one.error, cure=cure
            )
    checked = check(folder / variant, work.find_push(ref, version))
    log("submit", f"{checked.path.name}: {checked.contents}, sha256 {checked.sha256[:12]}")
    log("submit", checked.origin)
    return checked


@dataclass(frozen=True)
class _Wanted:
    """What is to be submitted."""

    competition: str
    ref: str
    version: int
    checked: Checked
    description: str
    mark: str
    as_kernel: bool
    variant: str  # whose folder the file lies in; "": in none


def _create(session: KaggleSession, wanted: _Wanted, journal: Journal) -> int:
    """Find the submission with that mark, or create one; return its number."""
    competition, mark = wanted.competition, wanted.mark
    if found := find_submission(session, competition, mark):
        log("submit", f"submission {found.ref} is this very file already: nothing new is sent")
        return found.ref
    left = count_left(session, competition)
    if left == 0:
        raise PipelineError(
            "submit",
            f"no submission to {competition} is left today",
            cure="the allowance returns at midnight UTC; nothing was submitted",
        )
    log("submit", f"submissions left today: {'unknown' if left is None else left}")
    path, words = wanted.checked.path, (wanted.description, mark, journal)
    if wanted.as_kernel:
        name = f"{wanted.variant}/{path.name}" if wanted.variant else path.name
        version = (wanted.ref, wanted.version, name)
        number = submit_kernel(session, competition, *version, *words)
    else:
        number = submit_file(session, competition, path, *words)
    log("submit", f"submission {number} to {competition}")
    return number


def _read_competition(work: Workspace, ref: str, version: int) -> str:
    """Return the competition that this version goes to; raise InputError where it is not clear."""
    pushed = (work.find_push(ref, version) or {}).get("competition")
    if isinstance(pushed, str) and pushed and not work.is_overridden:
        return pushed
    if work.competition:
        return work.competition
    metadata = work.read_metadata()
    if len(metadata.competition_sources) != 1:
        raise InputError(
            "submit",
            "kernel-metadata.json must name one competition",
            expected='"competition_sources": ["one-slug"]',
            got=str(list(metadata.competition_sources)),
            cure="edit kernel-metadata.json",
        )
    return metadata.competition_sources[0]
