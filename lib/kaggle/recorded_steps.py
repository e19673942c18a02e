"""Watch, fetch or submit a version on Kaggle, and record the outcome in the ledger."""

from typing import Any

from lib.base.disk_errors import explain_disk
from lib.base.errors import InputError, PipelineError
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.client.submissions import (
    Check,
    Checked,
    count_left,
    demand_score,
    find_submission,
    submit_file,
    submit_kernel,
    wait_for_score,
)
from lib.kaggle.fetch import fetch_version
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.packs import choose_variant, list_fetched
from lib.kaggle.watch import Watched, demand_complete, watch_version
from lib.kaggle.workspace import Workspace

_INTERRUPTED = 130


def watch_and_record(work: Workspace, session: KaggleSession, ref: str, version: int) -> int:
    """Watch a version until it ends; return 0 for COMPLETE, raise PipelineError for other ends.

    Ctrl-C leaves the kernel running: the code is then 130, and a line says how to resume.
    """
    try:
        watched = watch_version(session, ref, version)
    except KeyboardInterrupt:
        log("watch", "stopped watching; the kernel goes on")
        log("watch", f"to resume: python build.py watch {ref.split('/')[1]}/{version}")
        return _INTERRUPTED
    facts = {"status": watched.status.name, "message": watched.status.message}
    work.record("status", ref, version, **facts, minutes=watched.minutes)
    demand_complete("watch", watched, ref, version)
    log("watch", f"complete; next: python build.py fetch {ref.split('/')[1]}/{version}")
    return 0


def fetch_and_record(work: Workspace, session: KaggleSession, ref: str, version: int) -> None:
    """Fetch a version's outputs and record its FID in the ledger."""
    status = session.repeat(lambda: get_status(session, ref, version))
    if not status.is_terminal:
        raise PipelineError(
            "fetch",
            f"{ref} version {version} has not ended",
            got=status.name,
            cure=f"python build.py watch {ref.split('/')[1]}/{version}",
        )
    target = work.locate_run(ref, version)
    with explain_disk("fetch", "the outputs cannot be written", target):
        fetched = fetch_version(session, ref, version, target)
    manifest, variants = fetched.manifest or {}, list_fetched(target)
    _record_fetch(work, ref, version, status.name, fetched.minutes, manifest, fetched.metrics)
    for one in variants:
        ended = status.name if one.is_valid else "ERROR"
        facts = (ended, fetched.minutes, one.manifest, one.metrics)
        _record_fetch(work, ref, version, *facts, variant=one.name)
        if not one.is_valid:
            log("fetch", f"warning: {one.name} failed: {one.error}")
    where = target.relative_to(work.root)
    log("fetch", f"{fetched.files} files in {where}")
    if fetched.unverified:
        names = ", ".join(fetched.unverified[:5])
        log("fetch", f"not in the kernel's manifest, so not verified: {names}")
    demand_complete("fetch", Watched(status, fetched.minutes), ref, version)
    if fetched.manifest is None:
        raise PipelineError(
            "fetch",
            f"the run left no {MANIFEST}, so nothing is verified",
            got=str(where),
            cure="look at its log there; a run of this project's bundle always leaves one",
        )
    _compare_bundle(work, ref, version, manifest.get("bundle_sha256"))
    for name in [f"/{one.name}" for one in variants if one.is_valid] or [""]:
        log("fetch", f"next: python build.py submit {ref.split('/')[1]}/{version}{name} -m TEXT")


def _record_fetch(
    work: Workspace,
    ref: str,
    version: int,
    status: str,
    minutes: float | None,
    manifest: dict[str, Any],
    metrics: dict[str, Any],
    **variant: str,
) -> None:
    """Record what a version's files say, or those of one `variant` of it."""
    work.record(
        "fetch",
        ref,
        version,
        status=status,
        minutes=minutes,
        fid=metrics.get("fid"),
        floor=metrics.get("floor"),
        bundle_sha256=manifest.get("bundle_sha256"),
        random_weights=manifest.get("random_weights"),
        **variant,
    )


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

    The description ends in a mark made from version and CSV. By this mark a submission is found
    whose answer was lost, so that it is not repeated.
    """
    competition = _read_competition(work.read_metadata())
    variant = choose_variant(work.find_push(ref, version), variant, ref, version)
    tag = {"variant": variant} if variant else {}
    checked = _check_run(work, session, ref, version, check, variant)
    kind = " kernel" if as_kernel else ""
    named = f"v{version}/{variant}" if variant else f"v{version}"
    mark = f"[{ref.split('/')[1]} {named}{kind} {checked.sha256[:12]}]"
    description = f"{message} {mark}"
    refuse_secrets("the message", description, session.secrets)
    with work.hold("submit", wait=True):  # the later of two processes finds the earlier's
        given = (checked, description, mark, as_kernel, variant)
        number = _create(session, competition, ref, version, *given)
        work.record("submit", ref, version, submission=number, csv_sha256=checked.sha256, **tag)
    score = wait_for_score(session, number)
    shown = {"public": score.public, "private": score.private}
    work.record("score", ref, version, submission=number, result=score.status, **shown, **tag)
    demand_score(score)
    log("submit", f"public score   {score.public or 'not shown'}")
    log("submit", f"private score  {score.private or 'not shown (as usual before the end)'}")
    facts = {"ref": ref, "version": version, **tag, "submission": number}
    facts["csv_sha256"] = checked.sha256
    return {**facts, "status": score.status, **{key: shown[key] or None for key in shown}}


def _check_run(
    work: Workspace, session: KaggleSession, ref: str, version: int, check: Check, variant: str
) -> Checked:
    """Fetch a version, unless it is already here, and check its CSV, or that of a variant."""
    folder = work.locate_run(ref, version) / variant
    if not (folder / MANIFEST).is_file():
        log("submit", f"version {version} is not here yet: fetching it")
        fetch_and_record(work, session, ref, version)
    for one in list_fetched(work.locate_run(ref, version)):
        if one.name == variant and not one.is_valid:
            cure = f"nothing was submitted; its files are in {folder.relative_to(work.root)}"
            raise PipelineError(
                "submit", f"{variant} failed in this pack", got=one.error, cure=cure
            )
    checked = check(folder, work.find_push(ref, version))
    log("submit", f"{checked.path.name}: {checked.contents}, sha256 {checked.sha256[:12]}")
    log("submit", f"made by bundle {checked.bundle_sha256[:12]} with weights {checked.weights}")
    return checked


def _create(
    session: KaggleSession,
    competition: str,
    ref: str,
    version: int,
    checked: Checked,
    description: str,
    mark: str,
    as_kernel: bool,
    variant: str,
) -> int:
    """Find the submission with that mark, or create one; return its number."""
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
    if as_kernel:
        name = f"{variant}/{checked.path.name}" if variant else checked.path.name
        number = submit_kernel(session, competition, ref, version, name, description, mark)
    else:
        number = submit_file(session, competition, checked.path, description, mark)
    log("submit", f"submission {number} to {competition}")
    return number


def _read_competition(metadata: Metadata) -> str:
    if len(metadata.competition_sources) != 1:
        raise InputError(
            "submit",
            "kernel-metadata.json must name one competition",
            expected='"competition_sources": ["one-slug"]',
            got=str(list(metadata.competition_sources)),
            cure="edit kernel-metadata.json",
        )
    return metadata.competition_sources[0]
