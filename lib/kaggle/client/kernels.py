"""Ask Kaggle for a kernel's versions, source, status, log and files."""

from dataclasses import dataclass
from typing import Any

from lib.kaggle.client.errors import KaggleError, UnknownStatusError
from lib.kaggle.client.session import KaggleSession, read_number, read_text

_MOST_PAGES = 100  # of a list of files; Kaggle keeps 500 files
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


@dataclass(frozen=True)
class Kernel:
    """A version of a kernel, as far as the loop reads it."""

    latest: int  # number of the kernel's latest version; 0 where Kaggle does not name it
    source: str


def find_latest_version(session: KaggleSession, ref: str) -> int:
    """Ask for the number of a kernel's latest version; 0 if there is none."""
    try:
        return get_kernel(session, ref, None).latest
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

    def read(request: Any) -> Status:
        answer = session.kernels.get_kernel_session_status(request)
        return Status(answer.status.name, session.clean(answer.failure_message))

    try:
        return session.ask_once(what, read, request)
    except UnknownStatusError as error:
        return Status(f"?{error.got}", "")


def has_status(session: KaggleSession, ref: str, version: int) -> bool:
    """Ask whether Kaggle knows a version; passing troubles are waited out."""
    try:
        session.repeat(lambda: get_status(session, ref, version))
    except KaggleError as error:
        if error.code in (403, 404):
            return False
        raise
    return True


def list_outputs(session: KaggleSession, ref: str, version: int) -> tuple[list[OutputFile], str]:
    """List a version's files, over all pages; return them and the text of its log."""
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    what = f"listing the output of {ref} version {version}"

    def read(request: Any) -> tuple[list[OutputFile], str, str]:
        page = session.kernels.list_kernel_session_output(request)
        files = [OutputFile(read_text(e.file_name), read_text(e.url)) for e in page.files or []]
        return files, read_text(page.log), read_text(page.next_page_token)

    files: list[OutputFile] = []
    kept_log, token, seen = "", "", set()
    for _ in range(_MOST_PAGES):
        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = ref.split("/")
        request.version_label = f"v{version}"
        request.page_size = 100
        if token:
            request.page_token = token
        more, page_log, following = session.ask(what, read, request)
        files += more
        kept_log = kept_log or page_log
        seen.add(token)
        token = following
        if not token or token in seen:
            return files, kept_log
    cure = "look at the kernel's output on kaggle.com"
    raise KaggleError(what, got=f"no end after {_MOST_PAGES} pages", cure=cure)


def get_kernel(session: KaggleSession, ref: str, version: int | None) -> Kernel:
    """Ask for a version of a kernel (None: the latest)."""
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    if version is not None:
        request.version_label = f"v{version}"

    def read(request: Any) -> Kernel:
        answer = session.kernels.get_kernel(request)
        source = answer.blob.source if answer.blob is not None else ""
        about = answer.metadata
        latest = about.current_version_number if about is not None else 0
        return Kernel(read_number(latest), read_text(source))

    return session.ask(f"looking up {ref}", read, request)
