"""JSON of the client's calls -> JSON of the answers, by a Kaggle that keeps all it is told."""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.kaggle_datasets import DataSetDesk
from tests.kaggle_desk import RefusedError, sign_address
from tests.kaggle_sandbox import Sandbox

USER, KEY, TOKEN = "ada", "0123456789abcdef0123456789abcdef", "KGAT_" + "5" * 32
COMPETITION = "test-gan-competition"
REFRESH_TOKEN = "refresh-" + "7" * 20
INCEPTION = "ada/inception"
_KNOWN_SOURCES = {"competition": {COMPETITION}, "dataset": {INCEPTION}}


@dataclass
class Fault:
    """What goes wrong the next few times that a call is made."""

    name: str  # "SaveKernel", "GET file", "PUT upload", "GET log", ...
    times: int = 1
    code: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    answer: dict[str, Any] | None = None  # a 200 with this, in place of the effect
    reset: str = ""  # "before" or "after" the effect; beside `answer`: that one comes after it
    silent_s: float = 0.0
    cut: int = -1  # bytes of a body that pass before the connection breaks
    skip: int = 0  # calls that go well before
    late_s: float = 0.0  # the connection breaks at once, the effect comes so many seconds later
    pieces: Iterable[bytes] | None = None  # sent as they are, instead of an answer
    drip_s: float = 0.0  # between two of them


@dataclass
class Version:
    """One version of a kernel."""

    ref: str
    number: int
    request: dict[str, Any]
    statuses: list[str] = field(default_factory=lambda: ["QUEUED"])  # the first one is shown
    message: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, bytes] = field(default_factory=dict)
    log_while_running: bool = True

    @property
    def status(self) -> str:
        return self.statuses[0]

    @property
    def is_over(self) -> bool:
        return self.status in ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")


def quote_name(name: str) -> str:
    """A file's name -> how it stands in an address."""
    return quote(name, errors="surrogatepass")


class KaggleState(DataSetDesk):
    """What Kaggle knows: versions, runs, data sets, submissions; and what goes wrong."""

    owner = USER

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.data = data  # the competition's
        self.inception: Path | None = None  # the data set of that name
        self.competitions: dict[str, Path] = {}  # further ones, and their data
        self.rules_accepted = True
        self.as_cell = False
        self.play: Callable[[Version], None] | None = None  # instead of running the script
        self.versions: dict[str, list[Version]] = {}
        self.ignores_ranges = False  # storage that always sends whole files
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.connects: list[str] = []
        self._sandboxes: list[Sandbox] = []
        self._threads: list[threading.Thread] = []
        self._late: list[threading.Timer] = []
        self._lock = threading.RLock()
        self.is_closing = False

    def close(self) -> None:
        self.is_closing = True
        for timer in self._late:
            timer.cancel()
        for sandbox in self._sandboxes:
            sandbox.stop()
        for thread in self._threads:
            thread.join()

    def close_runs(self) -> None:
        """Nothing -> all runs have ended by themselves."""
        for thread in self._threads:
            thread.join()

    def fail(self, name: str, **what: Any) -> None:
        """A call's name and a Fault's fields -> that fault, after those already planned."""
        self.faults.append(Fault(name, **what))

    def count(self, name: str) -> int:
        """A call's name -> how often it was made."""
        return sum(1 for called, _ in self.calls if called == name)

    def take_fault(self, name: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.name == name and fault.skip > 0:
                    fault.skip -= 1
                    return None
                if fault.name == name and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def answer_late(self, name: str, body: dict[str, Any], after_s: float) -> None:
        """(RPC, its JSON, seconds) -> its effect after these seconds, and no answer."""

        def take_effect() -> None:
            with suppress(RefusedError):
                self.answer(name, body)

        timer = threading.Timer(after_s, take_effect)
        self._late.append(timer)
        timer.start()

    def wait_late(self) -> None:
        """Nothing -> all late effects have come."""
        for timer in self._late:
            timer.join()

    def answer(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """(RPC, its JSON) -> the answer's JSON; RefusedError for an error."""
        with self._lock:
            methods = {
                "SaveKernel": self._save_kernel,
                "GetKernelSessionStatus": self._get_status,
                "GetKernel": self._get_kernel,
                "DeleteKernel": self._delete_kernel,
                "ListKernelSessionOutput": self._list_output,
                "GetAcceleratorQuotaStatistics": self._get_quota,
                "GenerateAccessToken": self._generate_token,
                "IntrospectToken": self._introspect_token,
                "StartSubmissionUpload": self._start_upload,
                "CreateSubmission": self._create_submission,
                "CreateCodeSubmission": self._create_code_submission,
                "ListSubmissions": self._list_submissions,
                "GetSubmission": self._get_submission,
                "GetSubmissionLimits": self._get_limits,
                "GetCompetition": self._get_competition,
                **self.list_data_set_calls(),
            }
            if name not in methods:
                raise RefusedError(404, f"there is no {name}", "NOT_FOUND")
            return methods[name](body)

    def check_rules(self) -> None:
        """Refuse who has not accepted the competition's rules."""
        if not self.rules_accepted:
            message = "You must accept this competition's rules before you'll be able to download"
            raise RefusedError(403, f"{message} files.", "PERMISSION_DENIED")

    def zip_data(self) -> bytes:
        """All of the competition's files, as `kaggle competitions download` brings them."""
        assert self.data, "this Kaggle has no data"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.data.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(self.data))
        return buffer.getvalue()

    def find(self, owner: str, slug: str, label: str | None = None) -> Version:
        versions = self.versions.get(f"{owner}/{slug}", [])
        number = int(label.removeprefix("v")) if label else len(versions)
        if not 1 <= number <= len(versions):
            raise RefusedError(404, "Notebook not found", "NOT_FOUND")
        return versions[number - 1]

    def find_output(self, owner: str, slug: str, number: int, name: str) -> bytes:
        return self.find(owner, slug, f"v{number}").outputs[name]

    def push(self, ref: str, text: str) -> Version:
        """(owner/slug, script) -> a version, as if pushed by somebody else."""
        return self._save(ref, {"text": text, "slug": ref})

    # kernels

    def _save_kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(body.get("text"), str) or len(body["text"]) >= 1_000_000:
            message = "The kernel source must be less than 1 megabytes in size."
            raise RefusedError(400, message, "INVALID_ARGUMENT")
        running = sum(not v.is_over for versions in self.versions.values() for v in versions)
        if body.get("enableGpu") and running >= 2:
            raise RefusedError(400, "Maximum batch GPU session count of 2 reached.")
        if body["slug"].split("/")[0].lower() != USER:
            raise RefusedError(404, "Notebook not found", "NOT_FOUND")
        version = self._save(body["slug"], body)
        return {
            "ref": f"/code/{version.ref}",
            "url": f"https://www.kaggle.com/code/{version.ref}",
            "versionNumber": version.number,
            "kernelId": 7,
            **self._list_invalid(body),
        }

    def _list_invalid(self, body: dict[str, Any]) -> dict[str, list[str]]:
        invalid = {}
        for kind in ("dataset", "competition", "kernel", "model"):
            given = body.get(f"{kind}DataSources", [])
            unknown = [name for name in given if not self._knows(kind, name)]
            if unknown:
                invalid[f"invalid{kind.title()}Sources"] = unknown
        return invalid

    def _knows(self, kind: str, name: str) -> bool:
        if name in _KNOWN_SOURCES.get(kind, set()):
            return True
        if kind == "competition":
            return name in self.competitions
        return kind == "dataset" and self.is_known_data_set(name)

    def _save(self, ref: str, body: dict[str, Any]) -> Version:
        with self._lock:
            versions = self.versions.setdefault(ref, [])
            version = Version(ref, len(versions) + 1, body)
            versions.append(version)
        if body.get("kernelExecutionType") == "QUICK_SAVE":
            return version
        if self.play is not None:
            self.play(version)
            return version
        thread = threading.Thread(target=self._run, args=(version,))
        self._threads.append(thread)
        thread.start()
        return version

    def _run(self, version: Version) -> None:
        place = self.folder / version.ref.replace("/", "-") / f"v{version.number}"
        attached = {COMPETITION: self.data} if self.data else {}
        asked = version.request.get("competitionDataSources", [])
        attached |= {name: data for name, data in self.competitions.items() if name in asked}
        if self.inception and INCEPTION in version.request.get("datasetDataSources", []):
            attached["inception"] = self.inception
        sources = version.request.get("datasetDataSources", [])
        attached |= self.mount_data_sets(sources, self.folder / "data-sets" / str(id(version)))
        sandbox = Sandbox(place, attached)
        self._sandboxes.append(sandbox)

        def tell(stream: str, seconds: float, data: str) -> None:
            event = {"stream_name": stream, "time": seconds, "data": data}
            version.events.append(event)

        version.statuses = ["RUNNING"]
        code = sandbox.run(version.request["text"], self.as_cell, tell)
        version.outputs = sandbox.list_outputs()
        version.statuses = ["COMPLETE" if code == 0 else "ERROR"]

    def _get_status(self, body: dict[str, Any]) -> dict[str, Any]:
        version = self.find(body["userName"], body["kernelSlug"], body.get("versionLabel"))
        status = version.status
        if len(version.statuses) > 1:
            version.statuses.pop(0)
        failed = {"failureMessage": version.message} if version.message else {}
        return {"status": status, **(failed if version.is_over else {})}

    def _get_kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        owner, slug = body["userName"], body["kernelSlug"]
        version = self.find(owner, slug, body.get("versionLabel"))
        latest = self.find(owner, slug)
        about = {"ref": version.ref, "slug": slug, "currentVersionNumber": latest.number}
        return {"metadata": about, "blob": {"source": version.request["text"], "slug": slug}}

    def _delete_kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        self.find(body["userName"], body["kernelSlug"])  # refuses an unknown one
        del self.versions[f"{body['userName']}/{body['kernelSlug']}"]
        return {}

    def _list_output(self, body: dict[str, Any]) -> dict[str, Any]:
        version = self.find(body["userName"], body["kernelSlug"], body.get("versionLabel"))
        names = sorted(version.outputs) if version.is_over else []
        start = int(body.get("pageToken") or 0)
        size = min(int(body.get("pageSize") or 20), 20)
        page = {
            "files": [
                {
                    "fileName": name,
                    "url": sign_address(f"files/{version.ref}/{version.number}/{quote_name(name)}"),
                }
                for name in names[start : start + size]
            ]
        }
        if start + size < len(names):
            page["nextPageToken"] = str(start + size)
        if version.is_over or version.log_while_running:
            page["log"] = json.dumps(version.events)
        return page

    def _get_quota(self, body: dict[str, Any]) -> dict[str, Any]:
        quota = {"timeUsed": "18000s", "totalTimeAllowed": "108000s"}
        return {"quotaRefreshTime": "2030-01-05T00:00:00Z", "gpuQuota": quota}

    def _generate_token(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("refreshToken") != REFRESH_TOKEN:
            raise RefusedError(401, "Unknown refresh token", "UNAUTHENTICATED")
        return {"token": TOKEN, "expiresIn": 3600}

    def _introspect_token(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"active": True, "username": USER} if body.get("token") == TOKEN else {}
