"""Submit a verified CSV, or a version that holds one, and wait for its scores."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kaggle.client.errors import KaggleError, find_cure
from lib.kaggle.client.late_effects import Journal, call_once
from lib.kaggle.client.session import (
    KaggleSession,
    read_number,
    read_text,
)
from lib.kaggle.client.upload import send_file

_WHAT = "creating the submission"
_PAGES = 20


@dataclass(frozen=True)
class Checked:
    """A file that may be submitted, and its origin."""

    path: Path
    sha256: str
    contents: str  # a description of it, in words
    origin: str  # what made it, in words


# (folder of a fetched run, its push in the ledger) -> Checked, or PipelineError
Check = Callable[[Path, dict[str, Any] | None], Checked]


@dataclass(frozen=True)
class Score:
    """A submission's state; its scores are Kaggle's texts, "" where there are none."""

    ref: int
    status: str  # PENDING, COMPLETE or ERROR
    public: str = ""
    private: str = ""
    error: str = ""
    description: str = ""


def find_submission(session: KaggleSession, competition: str, marker: str) -> Score | None:
    """Find the latest submission without an error whose description ends in the marker."""
    marked = list_marked(session, competition, marker)
    return next((score for score in marked if score.status != "ERROR"), None)


def list_marked(session: KaggleSession, competition: str, marker: str) -> list[Score]:
    """List the submissions whose description ends in the marker, the latest first.

    Its end counts alone, for the user's own words before it may quote another one's marker.
    """
    listed = list_submissions(session, competition)
    return [score for score in listed if score.description.rstrip().endswith(marker)]


def count_left(session: KaggleSession, competition: str) -> int | None:
    """Ask how many submissions are left today; None where Kaggle does not say."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionLimitsRequest

    request = ApiGetSubmissionLimitsRequest()
    request.competition_name = competition

    def read(request: Any) -> int:
        return read_number(session.competitions.get_submission_limits(request).num_allowed_now)

    try:
        return session.ask("the submission limits", read, request)
    except KaggleError as error:
        if error.code in (401, 403) or error.passing:
            raise
        return None


def submit_file(
    session: KaggleSession,
    competition: str,
    path: Path,
    description: str,
    marker: str,
    journal: Journal,
) -> int:
    """Submit a CSV under a description that ends in the marker; return the submission's number."""
    from kagglesdk.competitions.types.competition_api_service import ApiCreateSubmissionRequest

    request = ApiCreateSubmissionRequest()
    request.competition_name = competition
    request.blob_file_tokens = _upload(session, competition, path)
    request.submission_description = description
    create = session.competitions.create_submission
    return _create(session, competition, marker, create, request, journal)


def submit_kernel(
    session: KaggleSession,
    competition: str,
    ref: str,
    version: int,
    file_name: str,
    description: str,
    marker: str,
    journal: Journal,
) -> int:
    """Submit a file of a kernel's version; return the submission's number."""
    from kagglesdk.competitions.types.competition_api_service import ApiCreateCodeSubmissionRequest

    request = ApiCreateCodeSubmissionRequest()
    request.competition_name = competition
    request.kernel_owner, request.kernel_slug = ref.split("/")
    request.kernel_version = version
    request.file_name = file_name
    request.submission_description = description
    create = session.competitions.create_code_submission
    return _create(session, competition, marker, create, request, journal)


def wait_for_score(session: KaggleSession, number: int) -> Score:
    """Wait until a submission is COMPLETE or ERROR; raise PipelineError if it takes too long."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

    request = ApiGetSubmissionRequest()
    request.ref = number

    def read(request: Any) -> Score:
        return _read_score(session, session.competitions.get_submission(request))

    shown = ""
    for pause in session.patience.poll(session.patience.score_s):
        try:
            score = session.ask_once(f"the score of {number}", read, request)
            text = score.status
        except KaggleError as error:
            if not error.passing:
                raise
            score, text = Score(number, "PENDING"), f"unknown ({error.got})"
        if text != shown:
            log("submit", f"submission {number}: {text}")
            shown = text
        if score.status != "PENDING":
            return score
        time.sleep(pause)
    raise PipelineError(
        "submit",
        f"submission {number} has no score within the deadline",
        expected=f"{session.patience.score_s / 60:g} min at most",
        cure="run the same command again: it finds this submission and sends nothing new",
    )


def demand_score(score: Score) -> None:
    """Raise PipelineError with Kaggle's reason unless the submission is COMPLETE."""
    if score.status != "COMPLETE":
        raise PipelineError(
            "submit",
            f"submission {score.ref} ended as {score.status}",
            got=score.error or "Kaggle gives no reason",
            cure="read the reason; the CSV on disk passed our own checks",
        )


def _create(
    session: KaggleSession,
    competition: str,
    marker: str,
    method: Callable[[Any], Any],
    request: Any,
    journal: Journal,
) -> int:
    """Create a submission; after a lost answer look for it before trying again."""
    known = [score.ref for score in list_marked(session, competition, marker)]

    def read(request: Any) -> tuple[int, str]:
        answer = method(request)
        return read_number(answer.ref), session.clean(answer.message)

    def create() -> int:
        number, message = session.ask_once(_WHAT, read, request)
        if number > 0:
            return number
        cure = find_cure(message, 400, competition)  # words without a number may be a refusal
        got = repr(message) if message else "an answer without a number"
        raise KaggleError(_WHAT, got=got, cure=cure, passing=not message, lost=True)

    def find() -> int | None:
        found = find_new(session, competition, marker, known)
        if found is not None:
            log("submit", f"the answer was lost, but submission {found} is there")
        return found

    return call_once(session, "the submission", create, find, journal, known)


def find_new(
    session: KaggleSession, competition: str, marker: str, known: Collection[int]
) -> int | None:
    """Find the oldest submission with the marker that is not known; return its number."""
    numbers = [score.ref for score in list_marked(session, competition, marker)]
    return next((number for number in reversed(numbers) if number not in known), None)


def list_submissions(session: KaggleSession, competition: str) -> list[Score]:
    """List the user's submissions, the latest first."""
    from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

    def read(request: Any) -> tuple[list[Score], str]:
        page = session.competitions.list_submissions(request)
        scores = [_read_score(session, entry) for entry in page.submissions or []]
        return scores, read_text(page.next_page_token)

    found: list[Score] = []
    token = ""
    for _ in range(_PAGES):
        request = ApiListSubmissionsRequest()
        request.competition_name = competition
        request.page_size = 100
        if token:
            request.page_token = token
        what = f"listing the submissions to {competition}"
        more, token = session.ask(what, read, request)
        found += more
        if not token:
            break
    return found


def _upload(session: KaggleSession, competition: str, path: Path) -> str:
    """Upload a CSV and return its token."""
    from kagglesdk.competitions.types.competition_api_service import ApiStartSubmissionUploadRequest

    request = ApiStartSubmissionUploadRequest()
    request.competition_name = competition
    request.file_name = path.name
    request.content_length = path.stat().st_size
    request.last_modified_epoch_seconds = int(path.stat().st_mtime)
    start = session.competitions.start_submission_upload
    return send_file(session, start, request, path, "submit")


def _read_score(session: KaggleSession, entry: Any) -> Score:
    return Score(
        read_number(entry.ref),
        entry.status.name,
        session.clean(entry.public_score),
        session.clean(entry.private_score),
        session.clean(entry.error_description),
        read_text(entry.description),
    )
