"""Save a source as a new version of a kernel on Kaggle; a retry never makes it twice."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lib.base.log import log
from lib.kaggle.client.errors import KaggleError, find_cure
from lib.kaggle.client.kernels import find_latest_version, get_kernel, has_status
from lib.kaggle.client.late_effects import Journal, call_once
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.metadata import Metadata

_INVALID = ("tags", "dataset_sources", "competition_sources", "kernel_sources", "model_sources")


@dataclass(frozen=True)
class Pushed:
    """A version that Kaggle accepted, and its faults, if any."""

    ref: str  # owner/slug, as Kaggle answered
    version: int
    url: str
    faults: tuple[str, ...]  # then the run lacks its data or is on another machine


def push_kernel(
    session: KaggleSession,
    metadata: Metadata,
    source: str,
    before: int,
    journal: Journal,
) -> Pushed:
    """Push a script as the version after `before`; return that version.

    A retry never pushes twice. Where the answer was lost, the kernel's newer versions are compared
    with the source, and the push is repeated only if it did not arrive.
    """
    request = _make_save_request(metadata, source)
    what = f"pushing {metadata.ref}"
    search = VersionSearch(session, metadata.ref, source, before)

    def read(request: Any) -> Pushed:
        return _check_saved(session, session.kernels.save_kernel(request), metadata)

    def save() -> Pushed:
        return session.ask_once(what, read, request)

    def find() -> Pushed | None:
        arrived = search.look()
        if arrived is not None:
            log("push", f"the answer was lost, but version {arrived.version} is there")
            log("push", "whether Kaggle knows all its sources is not known: see its log")
        return arrived

    return call_once(session, "the push", save, find, journal, [before])


class VersionSearch:
    """Looks for a script among a kernel's versions, again and again; reads no source twice.

    A source of None stands for a script that is no longer kept. It counts as arrived if there is
    any newer version. `taken` are versions that belong to other pushes.
    """

    def __init__(
        self,
        session: KaggleSession,
        ref: str,
        source: str | None,
        before: int,
        taken: Collection[int] = (),
    ) -> None:
        self._session = session
        self._ref = ref
        self._source = source
        self._before = before
        self._others = set(taken)

    def look(self) -> Pushed | None:
        """Look once among the versions newer than `before`; None where it is not there."""
        latest = find_latest_version(self._session, self._ref)
        oldest = self._before if latest >= self._before else 0  # a kernel made anew: from one
        for version in range(latest, oldest, -1):
            if version in self._others:
                continue
            if self._source is None or self._holds(version, self._source):
                return _name_arrived(self._ref, version)
        following = self._before + 1
        if (
            not latest
            and following not in self._others
            and has_status(self._session, self._ref, following)
        ):
            return _name_arrived(self._ref, following)  # the source cannot be read back
        return None

    def _holds(self, version: int, source: str) -> bool:
        held = get_kernel(self._session, self._ref, version).source
        if is_same_source(held, source):
            return True
        if held:  # that of a version in the making may come later
            self._others.add(version)
        return False


def is_same_source(one: str, other: str) -> bool:
    """Two scripts or notebooks -> whether they are equal apart from their format on disk."""
    return _strip_source(one) == _strip_source(other)


def _strip_source(text: str) -> Any:
    try:
        cells = json.loads(text)["cells"]
        return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "\n".join(text.split("\r\n")).strip()


def find_faults(answer: Any, metadata: Metadata) -> list[str]:
    """(SaveKernel's answer, Metadata) -> its faults, although the HTTP code is 200."""
    faults = []
    for name in _INVALID:
        if rejected := getattr(answer, f"invalid_{name}"):
            faults.append(f"Kaggle does not know the {name.replace('_', ' ')} {list(rejected)}")
    ref = _read_ref(answer)
    if not ref:
        faults.append("the answer names no kernel")
    elif ref.lower() != metadata.ref.lower():
        faults.append(
            f"slug drift: Kaggle named the kernel {ref!r}, kernel-metadata.json {metadata.ref!r}"
        )
    if not _read_version(answer):
        faults.append("the answer names no version number")
    return faults


def _check_saved(session: KaggleSession, answer: Any, metadata: Metadata) -> Pushed:
    if refusal := session.clean(answer.error):
        cure = find_cure(refusal, 400, next(iter(metadata.competition_sources), ""))
        what = f"pushing {metadata.ref} was refused"
        raise KaggleError(what, got=repr(refusal), cure=cure)
    faults = tuple(session.clean(fault) for fault in find_faults(answer, metadata))
    if not _read_version(answer) or not _read_ref(answer):  # the kernel's versions tell the rest
        cure = "see its versions on kaggle.com, and run the same command again"
        what = f"pushing {metadata.ref}: Kaggle's answer was lost in part"
        raise KaggleError(what, got="; ".join(faults), cure=cure, passing=True, lost=True)
    ref = session.clean(_read_ref(answer))
    if ref.lower() == metadata.ref.lower() or not re.fullmatch(r"[^/\s]+/[^/\s]+", ref):
        ref = metadata.ref  # Kaggle's has no capital letters; the ledger keeps ours
    url = session.clean(answer.url) if isinstance(answer.url, str) else ""
    return Pushed(ref, _read_version(answer), url, faults)


def _read_ref(answer: Any) -> str:
    return "/".join(str(answer.ref).strip("/").removeprefix("code/").split("/")[:2])


def _read_version(answer: Any) -> int:
    number = answer.version_number
    return number if type(number) is int and number > 0 else 0


def _name_arrived(ref: str, version: int) -> Pushed:
    return Pushed(ref, version, f"https://www.kaggle.com/code/{ref}", ())


def _make_save_request(metadata: Metadata, source: str) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
    from kagglesdk.kernels.types.kernels_enums import KernelExecutionType

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
    request.enable_internet = metadata.enable_internet  # the client's default is on
    request.dataset_data_sources = list(metadata.dataset_sources)
    request.competition_data_sources = list(metadata.competition_sources)
    request.kernel_data_sources = list(metadata.kernel_sources)
    request.model_data_sources = list(metadata.model_sources)
    request.category_ids = list(metadata.keywords)
    request.docker_image_pinning_type = metadata.docker_image_pinning_type or None
    request.docker_image = metadata.docker_image or None
    request.machine_shape = metadata.machine_shape or None
    request.session_timeout_seconds = metadata.session_timeout_s
    if not metadata.is_run:
        request.kernel_execution_type = KernelExecutionType.QUICK_SAVE
    return request
