"""Metadata and a source -> a kernel's version on Kaggle; a version -> its status, log and files."""

from dataclasses import dataclass
from typing import Any

from lib.host.kaggle_client import KaggleSession
from lib.host.kaggle_errors import KaggleError, UnknownStatusError, find_cure
from lib.host.metadata import Metadata
from lib.kernel.progress import log

TERMINAL = ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")
_LOOKS = 3  # at a kernel, after an answer was lost, before the push counts as not arrived
_INVALID = ("tags", "dataset_sources", "competition_sources", "kernel_sources", "model_sources")


@dataclass(frozen=True)
class Pushed:
    """A version that Kaggle took, and what is wrong with it, if anything."""

    ref: str  # owner/slug as Kaggle named it
    version: int
    url: str
    faults: tuple[str, ...]  # not empty: the run starts without its data, or elsewhere


@dataclass(frozen=True)
class Status:
    """What Kaggle says of one version's run."""

    name: str  # of KernelWorkerStatus; "?WORD" for one that kagglesdk does not know
    message: str

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended, well or not."""
        return self.name in TERMINAL


@dataclass(frozen=True)
class OutputFile:
    """A file that a run left; the address is signed and never shown."""

    name: str
    url: str


def push_kernel(
    session: KaggleSession, metadata: Metadata, source: str, known_version: int
) -> Pushed:
    """(session, Metadata, the script's text, the last version known here) -> the new version.

    Never pushed twice by a retry: where the answer is lost, the kernel's newer versions are read
    back and compared with the source, and the push is repeated only if it did not arrive.
    """
    before = max(find_latest_version(session, metadata.ref), known_version)
    request = _make_save_request(metadata, source)
    what = f"pushing {metadata.ref}"
    for pause in [*session.patience.list_pauses(), None]:
        try:
            return _check_saved(
                session.ask_once(what, session.kernels.save_kernel, request), metadata
            )
        except KaggleError as error:
            if not error.passing:
                raise
            if error.lost and (arrived := _look_for(session, metadata, source, before)):
                log("push", f"the answer was lost, but version {arrived.version} is there")
                log("push", "whether Kaggle knows all its sources is not known: see its log")
                return arrived
            if pause is None:
                raise
            session.wait_out(error, pause)
    raise AssertionError("the last attempt returns or raises")


def find_latest_version(session: KaggleSession, ref: str) -> int:
    """(session, owner/slug) -> the number of its latest version, 0 if there is none."""
    try:
        return int(_get_kernel(session, ref, None).metadata.current_version_number or 0)
    except KaggleError as error:
        # Kaggle answers 403 or 404 for a kernel that is not there, and an API that does not tell
        # versions must not stop a push.
        if error.passing or error.code == 401:
            raise
        return 0


def get_status(session: KaggleSession, ref: str, version: int) -> Status:
    """(session, owner/slug, version) -> its Status, asked once; KaggleError where none came."""
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

    request = ApiGetKernelSessionStatusRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    request.version_label = f"v{version}"
    what = f"the status of {ref} version {version}"
    try:
        answer = session.ask_once(what, session.kernels.get_kernel_session_status, request)
    except UnknownStatusError as error:
        return Status(f"?{error.got}", "")
    return Status(answer.status.name, answer.failure_message or "")


def list_outputs(session: KaggleSession, ref: str, version: int) -> tuple[list[OutputFile], str]:
    """(session, owner/slug, version) -> its files over all pages, and the log that is kept."""
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    files: list[OutputFile] = []
    kept_log, token, seen = "", "", set()
    while True:
        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = ref.split("/")
        request.version_label = f"v{version}"
        request.page_size = 100
        if token:
            request.page_token = token
        what = f"listing the output of {ref} version {version}"
        page = session.ask(what, session.kernels.list_kernel_session_output, request)
        files += [OutputFile(entry.file_name, entry.url) for entry in page.files or []]
        kept_log = kept_log or page.log or ""
        seen.add(token)
        token = page.next_page_token or ""
        if not token or token in seen:
            return files, kept_log


def find_faults(answer: Any, metadata: Metadata) -> list[str]:
    """(SaveKernel's answer, Metadata) -> what is wrong although the HTTP code is 200."""
    faults = []
    for name in _INVALID:
        if rejected := getattr(answer, f"invalid_{name}"):
            faults.append(f"Kaggle does not know the {name.replace('_', ' ')} {list(rejected)}")
    ref = _read_ref(answer)
    if ref.lower() != metadata.ref.lower():
        faults.append(
            f"slug drift: Kaggle named the kernel {ref!r}, kernel-metadata.json {metadata.ref!r}"
        )
    if not answer.version_number:
        faults.append("the answer names no version number")
    return faults


def _check_saved(answer: Any, metadata: Metadata) -> Pushed:
    if answer.error:
        cure = find_cure(answer.error, 400)
        raise KaggleError(f"pushing {metadata.ref} was refused", got=repr(answer.error), cure=cure)
    faults = find_faults(answer, metadata)
    return Pushed(
        _read_ref(answer) or metadata.ref, answer.version_number or 0, answer.url, tuple(faults)
    )


def _read_ref(answer: Any) -> str:
    return "/".join(str(answer.ref).strip("/").removeprefix("code/").split("/")[:2])


def _look_for(
    session: KaggleSession, metadata: Metadata, source: str, before: int
) -> Pushed | None:
    """(what was pushed, the latest version before) -> the version that holds it, if it arrived."""
    for pause in session.patience.list_pauses()[:_LOOKS]:
        latest = find_latest_version(session, metadata.ref)
        oldest = before if latest >= before else 0  # a kernel made anew counts from one again
        for version in range(latest, oldest, -1):
            if _get_kernel(session, metadata.ref, version).blob.source.strip() == source.strip():
                return _name_arrived(metadata, version)
        if not latest and _has_status(session, metadata.ref, before + 1):
            return _name_arrived(metadata, before + 1)  # a source that may not be read back
        session.wait_out(
            KaggleError("the push", got="no trace of it yet", cure=""), pause
        )  # a slow server may still be at work on it
    return None


def _name_arrived(metadata: Metadata, version: int) -> Pushed:
    return Pushed(metadata.ref, version, f"https://www.kaggle.com/code/{metadata.ref}", ())


def _has_status(session: KaggleSession, ref: str, version: int) -> bool:
    try:
        session.repeat(lambda: get_status(session, ref, version))
    except KaggleError as error:
        if error.code in (403, 404):
            return False
        raise
    return True


def _get_kernel(session: KaggleSession, ref: str, version: int | None) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    if version is not None:
        request.version_label = f"v{version}"
    return session.ask(f"looking up {ref}", session.kernels.get_kernel, request)


def _make_save_request(metadata: Metadata, source: str) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest

    request = ApiSaveKernelRequest()
    request.id = metadata.id_no
    request.slug = metadata.ref
    request.new_title = metadata.title
    request.text = source
    request.language = metadata.language
    request.kernel_type = metadata.kernel_type
    request.is_private = metadata.is_private
    request.enable_gpu = metadata.enable_gpu
    request.enable_tpu = metadata.enable_tpu
    request.enable_internet = metadata.enable_internet  # the client's own default is on
    request.dataset_data_sources = list(metadata.dataset_sources)
    request.competition_data_sources = list(metadata.competition_sources)
    request.kernel_data_sources = list(metadata.kernel_sources)
    request.model_data_sources = list(metadata.model_sources)
    request.category_ids = list(metadata.keywords)
    request.docker_image_pinning_type = metadata.docker_image_pinning_type or None
    request.docker_image = metadata.docker_image or None
    request.machine_shape = metadata.machine_shape or None
    return request
