"""Submit a fetched run once, wait for its scores, and record both in the ledger."""

from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError, PipelineError
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.client.late_effects import Journal
from lib.kaggle.client.leaderboard import ask_place
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
from lib.kaggle.fetched_folder import list_lacking
from lib.kaggle.recorded_steps import fetch_and_record
from lib.kaggle.submit_records import keep_journal, look_once, record_submission, settle_marked
from lib.kaggle.sweeps.packs import choose_variant, list_fetched
from lib.kaggle.workspace import Workspace


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
    name = checked.path.relative_to(work.locate_run(ref, version)).as_posix()
    wanted = _Wanted(competition, ref, version, checked, description, mark, as_kernel, name)
    with work.hold("submit", wait=True):  # the later of two processes finds the earlier's
        number = settle_marked(work, session, competition, mark)
        if number is None:
            look_once(work, session)
            number = _create(session, wanted, journal)
        else:
            log("submit", "that is this submission: nothing new is sent")
        record_submission(work, ref, version, number, facts)
    told = {"ref": ref, "version": version, **tag, "submission": number}
    shown = _record_score(work, session, ref, version, number, tag)
    place = _record_place(work, session, ref, version, competition, tag)
    return {**told, "csv_sha256": checked.sha256, **shown, **place}


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


def _record_place(
    work: Workspace,
    session: KaggleSession,
    ref: str,
    version: int,
    competition: str,
    tag: dict[str, str],
) -> dict[str, int | None]:
    """Record and print where the team stands now; return rank and teams, None: not told."""
    place = ask_place(session, competition)
    if place is None:
        log("submit", "place          not shown")
        return {"place": None, "teams": None}
    facts = {"place": place.rank, "teams": place.teams}
    work.record("place", ref, version, **facts, **tag)
    log("submit", f"place          {place.describe()}, by the best of your team's submissions")
    return {**facts}


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
    elif not work.find_event("fetch", ref, version):
        log("submit", f"fetching version {version} was cut off at its end: fetching it again")
        fetch_and_record(work, session, ref, version)
    elif not is_current(work, session, ref, version):
        where = folder.relative_to(work.root)
        log("submit", f"{where} is not what Kaggle holds of version {version}, as after a")
        log("submit", "kernel was deleted and made anew: fetching it again")
        fetch_and_record(work, session, ref, version)
    for one in list_fetched(folder):
        if one.name == variant and not one.is_valid:
            cure = f"nothing was submitted; its log is in {folder.relative_to(work.root)}"
            why = session.clean(one.error)
            raise PipelineError("submit", f"{variant} failed in this pack", got=why, cure=cure)
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
    name: str  # of the file among the version's outputs, with its folder


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
        version = (wanted.ref, wanted.version, wanted.name)
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
