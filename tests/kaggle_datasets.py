"""Kaggle's data sets: uploads become private versions, which take a while to be processed."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kaggle_desk import RefusedError, SubmissionDesk, sign_address

FIRST_NOTE = "Initial release"  # of every data set: its creation takes no note
STAGES = ("NOT_YET_PERSISTED", "BLOBS_RECEIVED", "BLOBS_COPIED_TO_SDS")


@dataclass
class DataSetVersion:
    """One version: its note, its files, and the statuses that it still goes through."""

    number: int
    note: str
    files: dict[str, bytes]
    statuses: list[str] = field(default_factory=lambda: [*STAGES, "READY"])

    @property
    def status(self) -> str:
        return self.statuses[0]


@dataclass
class DataSetRecord:
    """A data set of the server."""

    ref: str
    title: str
    description: str
    is_private: bool
    versions: list[DataSetVersion] = field(default_factory=list)
    hidden_looks: int = 0  # GetDataset and GetDatasetStatus answer 404 that many times

    @property
    def latest(self) -> DataSetVersion:
        return self.versions[-1]


class DataSetDesk(SubmissionDesk):
    """Data sets by owner/slug, and what goes wrong with them."""

    owner = ""  # who may create data sets here

    def __init__(self) -> None:
        super().__init__()
        self.data_sets: dict[str, DataSetRecord] = {}
        self.data_set_stages: list[str] = [*STAGES, "READY"]  # of versions made from now on
        self.data_sets_are_public = False  # whatever was asked for
        self.data_set_hidden_looks = 0  # of data sets made from now on

    def list_data_set_calls(self) -> dict[str, Any]:
        """RPC -> the method that answers it."""
        return {
            "StartBlobUpload": self._start_blob_upload,
            "CreateDataset": self._create_data_set,
            "CreateDatasetVersion": self._create_data_set_version,
            "GetDataset": self._get_data_set,
            "GetDatasetStatus": self._get_data_set_status,
            "ListDatasetFiles": self._list_data_set_files,
            "ListDatasets": self._list_data_sets,
        }

    def is_known_data_set(self, source: str) -> bool:
        """What dataset_sources names -> whether a kernel can have it."""
        return self._pick(source) is not None

    def mount_data_sets(self, sources: list[str], folder: Path) -> dict[str, Path]:
        """What dataset_sources names, a folder -> places below input/ and what lies there.

        Each lies at its slug, and once more at datasets/owner/slug.
        """
        mounts = {}
        for source in sources:
            version = self._pick(source)
            if version is None:
                continue
            owner, slug = source.split("/")[:2]
            place = folder / owner / slug / str(version.number)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for name, content in version.files.items():
                (place / name).write_bytes(content)
            mounts |= {slug: place, f"datasets/{owner}/{slug}": place}
        return mounts

    def _pick(self, source: str) -> DataSetVersion | None:
        """owner/slug or owner/slug/number -> that version, if it is ready; the latest by default"""
        ref, number = "/".join(source.split("/")[:2]), source.split("/")[2:]
        ready = [v for v in self._list_versions(ref) if v.status == "READY"]
        wanted = [v for v in ready if not number or v.number == int(number[0])]
        return wanted[-1] if wanted else None

    def _list_versions(self, ref: str) -> list[DataSetVersion]:
        record = self.data_sets.get(ref)
        return record.versions if record else []

    def _start_blob_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("type") != "DATASET":
            raise RefusedError(400, "a blob needs a type", "INVALID_ARGUMENT")
        token = f"blob{len(self.uploads) + 1}"
        self.uploads[token] = {"size": body["contentLength"], "data": b"", "name": body["name"]}
        return {"token": token, "createUrl": sign_address(f"upload/{token}")}

    def _create_data_set(self, body: dict[str, Any]) -> dict[str, Any]:
        ref, title = f"{body['ownerSlug']}/{body['slug']}", body.get("title", "")
        if body["ownerSlug"] != self.owner:
            return {"status": "error", "error": self._refuse_owner()}
        if not re.fullmatch(r"[a-z0-9-]{6,50}", body["slug"]) or not 6 <= len(title) <= 50:
            raise RefusedError(400, "Bad Request", "INVALID_ARGUMENT")
        if ref in self.data_sets or title in [each.title for each in self.data_sets.values()]:
            words = "is already in use by a dataset. Please choose another title."
            return {"status": "error", "error": f'The requested title "{title}" {words}'}
        if not body.get("licenseName"):
            return {"status": "error", "error": "Please specify exactly one license"}
        files = self._take_files(body)
        private = body.get("isPrivate", False) and not self.data_sets_are_public
        record = DataSetRecord(ref, title, body.get("description", ""), private)
        record.hidden_looks = self.data_set_hidden_looks
        self.data_sets[ref] = record
        return self._add_version(record, FIRST_NOTE, files)

    def _create_data_set_version(self, request: dict[str, Any]) -> dict[str, Any]:
        body = request.get("body", {})
        if request["ownerSlug"] != self.owner:
            raise RefusedError(403, "Permission 'datasets.update' was denied", "PERMISSION_DENIED")
        record = self._find_data_set(request)
        files = self._take_files(body)
        record.description = body.get("description", record.description)
        return self._add_version(record, body.get("versionNotes", ""), files)

    def _add_version(
        self, record: DataSetRecord, note: str, files: dict[str, bytes]
    ) -> dict[str, Any]:
        number = len(record.versions) + 1
        record.versions.append(DataSetVersion(number, note, files, [*self.data_set_stages]))
        url = f"https://www.kaggle.com/datasets/{record.ref}"
        return {"ref": f"/{record.ref}", "url": url, "status": "ok"}

    def _take_files(self, body: dict[str, Any]) -> dict[str, bytes]:
        uploads = [self.uploads.get(file["token"]) for file in body.get("files", [])]
        if not uploads or any(each is None for each in uploads):
            raise RefusedError(400, "No files", "INVALID_ARGUMENT")
        if any(len(each["data"]) != each["size"] for each in uploads if each):
            raise RefusedError(400, "The upload is not complete", "INVALID_ARGUMENT")
        return {each["name"]: each["data"] for each in uploads if each}

    def _refuse_owner(self) -> str:
        return "You are not allowed to create a dataset as this owner."

    def _find_data_set(self, body: dict[str, Any]) -> DataSetRecord:
        record = self.data_sets.get(f"{body['ownerSlug']}/{body['datasetSlug']}")
        if record is None:
            raise RefusedError(403, "Permission 'datasets.get' was denied", "PERMISSION_DENIED")
        if record.hidden_looks > 0:
            record.hidden_looks -= 1
            raise RefusedError(404, "Not found", "NOT_FOUND")
        return record

    def _get_data_set_status(self, body: dict[str, Any]) -> dict[str, Any]:
        version = self._find_data_set(body).latest
        status = version.status
        if len(version.statuses) > 1:
            version.statuses.pop(0)
        return {"status": status} if status != STAGES[0] else {}  # a default is omitted

    def _get_data_set(self, body: dict[str, Any]) -> dict[str, Any]:
        record = self._find_data_set(body)
        shown = {
            "id": 11,
            "ref": record.ref,
            "title": record.title,
            "description": record.description,
            "currentVersionNumber": record.latest.number,
            "isPrivate": record.is_private,
            "files": self._show_files(record),
            "versions": [
                {"versionNumber": v.number, "versionNotes": v.note, "status": v.status.title()}
                for v in record.versions[::-1]
            ],
        }
        return {name: value for name, value in shown.items() if value not in ("", False)}

    def _show_files(self, record: DataSetRecord) -> list[dict[str, Any]]:
        files = record.latest.files.items() if record.latest.status == "READY" else ()
        return [{"name": name, "totalBytes": len(content)} for name, content in files]

    def _list_data_set_files(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"datasetFiles": self._show_files(self._find_data_set(body))}

    def _list_data_sets(self, body: dict[str, Any]) -> dict[str, Any]:
        kept = ("ref", "title", "isPrivate", "currentVersionNumber")
        found = []
        for ref in self.data_sets:
            owner, slug = ref.split("/")
            whole = self._get_data_set({"ownerSlug": owner, "datasetSlug": slug})
            found.append({name: whole[name] for name in kept if name in whole})
        return {"datasets": found}
