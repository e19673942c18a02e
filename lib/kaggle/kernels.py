"""Ask Kaggle for a kernel's versions, source, status, log and files."""

from dataclasses import dataclass
from typing import Any

from lib.kaggle.errors import KaggleError, UnknownStatusError
from lib.kaggle.session import KaggleSession

TERMINAL = ("COMPLETE", "ERROR", "CANCEL_ACKNOWLEDGED")


@dataclass(frozen=True)
class Status:
    """The state of one version's run, as Kaggle reports it."""

    name: str  # as in KernelWorkerStatus; "?WORD" where kagglesdk does not know it
    message: str

    @property
    def is_terminal(self) -> bool:
        """Tell whether the run has ended, successfully or not."""
        return self.name in TERMINAL


@dataclass(frozen=True)
class OutputFile:
    """An output file of a run; its address is signed and never shown."""

    name: str
    url: str


def find_latest_version(session: KaggleSession, ref: str) -> int:
    """Ask for the number of a kernel's latest version; 0 if there is none."""
    try:
        return int(get_kernel(session, ref, None).metadata.current_version_number or 0)
    except KaggleError as error:
        # Kaggle answers 403 or 404 for a kernel that does not exist. An API that does not name
        # versions must not stop a push either.
        if error.passing or error.code == 401:
            raise
        return 0


def get_status(session: KaggleSession, ref: str, version: int) -> Status:
    """Ask once for the Status of a version's run; raise KaggleError where none comes."""
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
    """List a version's files, over all pages; return them and the text of its log."""
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


def get_kernel(session: KaggleSession, ref: str, version: int | None) -> Any:
    """Ask for a version of a kernel (None: the latest); return kagglesdk's answer of GetKernel."""
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    if version is not None:
        request.version_label = f"v{version}"
    return session.ask(f"looking up {ref}", session.kernels.get_kernel, request)
