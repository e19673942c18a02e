"""Ask Kaggle for a data set, its versions and status; upload a file; create a data set or version.

Kaggle gives no place for a note to the call that creates a data set: its first version is always
called "Initial release". So what the note would say stands in the description there.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.kaggle.client.errors import KaggleError, UnknownStatusError, find_cure
from lib.kaggle.client.session import KaggleSession, read_number, read_text
from lib.kaggle.client.upload import send_file

READY, FAILED = "READY", ("FAILED", "DELETED")
_CURES = (  # pattern in the server's message -> what to do
    (r"already in use|already exists", "give it another name: --slug SLUG"),
    (
        r"as this owner|permission|not allowed",
        "the credentials must be those of the owner in kernel-metadata.json: "
        "python build.py doctor",
    ),
    (
        r"exceeds|too large|quota|limit",
        "make room: delete data sets at https://www.kaggle.com/settings",
    ),
)


@dataclass(frozen=True)
class Version:
    """A version of a data set."""

    number: int
    note: str
    status: str  # in capitals; "" where Kaggle does not tell


@dataclass(frozen=True)
class DataSet:
    """A data set, as far as this project reads it."""

    latest: int  # number of its latest version
    is_private: bool
    description: str
    files: tuple[str, ...]  # of the latest version
    versions: tuple[Version, ...]

    def find_versions(self, sha256: str) -> list[int]:
        """List the versions whose note holds that sha256, the latest first; no failed ones."""
        failed = {each.number for each in self.versions if each.status in FAILED}
        found = {each.number for each in self.versions if sha256 in each.note}
        if sha256 in self.description:  # of the first version
            found.add(1)
        return sorted(found - failed, reverse=True)


def find_data_set(session: KaggleSession, ref: str) -> DataSet | None:
    """Look a data set up; None where there is none, or none that these credentials may see."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")

    def read(request: Any) -> DataSet:
        return _read_data_set(session.data_sets.get_dataset(request))

    try:
        return session.ask(f"looking up the data set {ref}", read, request)
    except KaggleError as error:
        if error.code in (403, 404):
            return None
        raise


def get_data_set_status(session: KaggleSession, ref: str) -> str:
    """Ask once for the status of a data set's latest version; "?WORD" for one nobody knows."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetStatusRequest

    request = ApiGetDatasetStatusRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")

    def read(request: Any) -> str:
        return str(session.data_sets.get_dataset_status(request).status.name)

    try:
        return session.ask_once(f"the status of the data set {ref}", read, request)
    except UnknownStatusError as error:
        return f"?{error.got}"


def upload_blob(session: KaggleSession, path: Path, name: str) -> str:
    """Upload a file and return its token."""
    from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest

    about = path.stat()
    request = ApiStartBlobUploadRequest()
    request.type = ApiBlobType.DATASET
    request.name = name
    request.content_length = about.st_size
    request.last_modified_epoch_seconds = int(about.st_mtime)
    start = session.sdk.blobs.blob_api_client.start_blob_upload
    return send_file(session, start, request, path, "weights")


def create_data_set(session: KaggleSession, ref: str, title: str, note: str, token: str) -> None:
    """Create a private data set of one uploaded file; a call that must not simply be repeated."""
    from kagglesdk.datasets.types.dataset_api_service import ApiCreateDatasetRequest

    request = ApiCreateDatasetRequest()
    request.owner_slug, request.slug = ref.split("/")
    request.title = title
    request.license_name = "other"
    request.description = note
    request.is_private = True
    request.files = [_name_file(token)]
    _create(session, f"creating the data set {ref}", session.data_sets.create_dataset, request)


def create_version(session: KaggleSession, ref: str, note: str, token: str) -> None:
    """Create a data set's next version of one uploaded file; not to be simply repeated either."""
    from kagglesdk.datasets.types.dataset_api_service import (
        ApiCreateDatasetVersionRequest,
        ApiCreateDatasetVersionRequestBody,
    )

    body = ApiCreateDatasetVersionRequestBody()
    body.version_notes = note
    body.files = [_name_file(token)]
    request = ApiCreateDatasetVersionRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")
    request.body = body
    what = f"creating a version of the data set {ref}"
    _create(session, what, session.data_sets.create_dataset_version, request)


def _create(session: KaggleSession, what: str, method: Any, request: Any) -> None:
    """Make a call that creates something; raise KaggleError for a refusal in its answer."""

    def read(request: Any) -> tuple[str, str, str]:
        answer = method(request)
        words = (answer.error, answer.status, answer.ref or answer.url)
        return session.clean(words[0]), session.clean(words[1]), session.clean(words[2])

    try:
        refusal, status, named = session.ask_once(what, read, request)
    except KaggleError as error:
        raise _with_cure(error) from None
    if refusal or (status and status.lower() != "ok"):
        got, cure = repr(refusal or status), find_cure(refusal, 400)
        raise _with_cure(KaggleError(f"{what} was refused", got=got, cure=cure))
    if not status and not named:  # an empty answer tells nothing
        cure = "run the same command again: it looks whether it arrived"
        raise KaggleError(what, got="an empty answer", cure=cure, passing=True, lost=True)


def _with_cure(error: KaggleError) -> KaggleError:
    """An error of creating -> the same with the cure for a data set, where one is known."""
    known = (cure for pattern, cure in _CURES if re.search(pattern, error.got, re.IGNORECASE))
    if not error.lost:
        error.cure = next(known, error.cure)
    return error


def _name_file(token: str) -> Any:
    from kagglesdk.datasets.types.dataset_api_service import ApiDatasetNewFile

    file = ApiDatasetNewFile()
    file.token = token
    return file


def _read_data_set(answer: Any) -> DataSet:
    versions = tuple(
        Version(
            read_number(entry.version_number),
            read_text(entry.version_notes),
            read_text(entry.status).upper(),
        )
        for entry in answer.versions or []
    )
    numbers = (read_number(answer.current_version_number), *(each.number for each in versions))
    return DataSet(
        max(numbers),
        answer.is_private is True,
        read_text(answer.description),
        tuple(read_text(file.name) for file in answer.files or []),
        versions,
    )
