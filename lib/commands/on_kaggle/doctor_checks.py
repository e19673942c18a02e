"""Check all that a push needs; each finding is ok or has a cure."""

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.base.errors import PipelineError
from lib.base.files import read_object
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.base.missing_packages import CURE as INSTALL
from lib.base.missing_packages import explain_missing
from lib.base.tables import format_table
from lib.kaggle.client.credentials import CURE, find_credentials, is_private, list_secrets
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.git_state import read_git_state
from lib.kaggle.ledger import LEDGER, list_pending
from lib.kaggle.metadata import BUILD_MANIFEST, check_metadata, load_metadata
from lib.kaggle.metadata_fields import FILE_NAME, Metadata
from lib.kaggle.workspace import Workspace
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config

if TYPE_CHECKING:
    from lib.kaggle.client.session import KaggleSession


@dataclass(frozen=True)
class Finding:
    """One line that the doctor prints."""

    name: str
    detail: str
    cure: str = ""  # "" where nothing is wrong


def examine(work: Workspace) -> list[Finding]:
    """Run all checks, those that need Kaggle last; they change nothing."""
    findings = [
        *_guard("credentials", _examine_credentials),
        *_guard("client", lambda: _examine_client(work)),
    ]
    try:
        metadata = load_metadata(work.root / FILE_NAME)
    except PipelineError as error:
        return [*findings, _describe("metadata", error)]
    findings += _guard("metadata", lambda: _examine_metadata(work, metadata))
    findings += _guard("bundle", lambda: _examine_bundle(work, metadata))
    findings += [_examine_weights(work.root, metadata), _examine_machine(metadata)]
    findings += _guard("ledger", lambda: _examine_ledger(work))
    return findings + _guard("kaggle", lambda: _ask_kaggle(work, metadata))


def format_findings(findings: list[Finding]) -> str:
    """Findings -> aligned lines, each ok or with its cure."""
    rows = []
    for finding in findings:
        rows.append(("CURE" if finding.cure else "ok", finding.name, finding.detail))
        if finding.cure:
            rows.append(("", "", f"cure: {finding.cure}"))
    return format_table(rows, least=(4,))


def _guard(name: str, step: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Run a check and list its findings; an error becomes a finding too."""
    try:
        return list(step())
    except PipelineError as error:
        return [_describe(name, error)]


def _describe(name: str, error: PipelineError) -> Finding:
    detail = error.what + (f", got {error.got}" if error.got else "")
    return Finding(name, detail, error.cure or "see the line above")


def _examine_credentials() -> Iterator[Finding]:
    found = find_credentials()
    if not found:
        yield Finding("credentials", "none found", CURE)
        return
    yield Finding("credentials", f"{found[0].kind} from {found[0].source}")
    for path in found[0].files:
        if not is_private(path):
            detail = f"{path.name} can be read by other users"
            yield Finding("credentials", detail, f"chmod 600 {found[0].source}")


def _examine_client(work: Workspace) -> Iterator[Finding]:
    try:
        installed = importlib.metadata.version("kaggle")
    except importlib.metadata.PackageNotFoundError:
        yield Finding("client", "kaggle is not installed", INSTALL)
        return
    pins = work.root / "requirements.txt"
    pinned = re.search(r"^kaggle==(\S+)", pins.read_text() if pins.is_file() else "", re.MULTILINE)
    cure = f"pip install kaggle=={pinned[1]}" if pinned and pinned[1] != installed else ""
    yield Finding(
        "client", f"kaggle {installed}" + (f", not {pinned[1]}" if cure and pinned else ""), cure
    )
    if importlib.util.find_spec("six") is None:
        yield Finding("client", "six is not there, which kaggle needs", "pip install six")


def _examine_metadata(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    warnings = check_metadata(metadata, work.root, for_push=False)
    for warning in warnings:
        yield Finding(
            "metadata", warning, f"edit {FILE_NAME}, or python build.py init --owner NAME"
        )
    if not warnings:
        yield Finding("metadata", f"{metadata.ref}, {metadata.kernel_type}, {metadata.title!r}")


def _examine_bundle(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    path = work.root / metadata.code_file
    if not path.is_file():
        yield Finding("bundle", f"{metadata.code_file} is not built yet", "python build.py")
        return
    size = path.stat().st_size
    text = path.read_text(encoding="utf-8")
    refuse_secrets(metadata.code_file, text, list_secrets())
    refuse_secrets(FILE_NAME, json.dumps(asdict(metadata), indent=1), list_secrets())
    cure = "bundle fewer modules" if size > SOURCE_BYTES else ""
    detail = f"{size:,} of {SOURCE_BYTES:,} bytes, no secrets"
    built = read_object(work.root / BUILD_MANIFEST)
    if built.get("config", {}).get("weights_file") == RANDOM_WEIGHTS:
        detail += "; RANDOM WEIGHTS, a smoke test that scores nothing"
        cure = cure or "build it without --weights random before a push"
    yield Finding("bundle", detail, cure)


def _examine_weights(root: Path, metadata: Metadata) -> Finding:
    attached = [*metadata.dataset_sources, *metadata.model_sources]
    if attached:
        return Finding("weights", f"from {', '.join(attached)}, if it holds them")
    name = read_object(root / BUILD_MANIFEST).get("config", {}).get("weights_file", "")
    if name not in ("", RANDOM_WEIGHTS, Config().weights_file):
        cure = f"attach a data set that holds {name}: dataset_sources of {FILE_NAME}"
        return Finding("weights", f"{name} cannot be downloaded, and no data set is attached", cure)
    if metadata.enable_internet:
        return Finding("weights", "downloaded by the kernel (internet is on)")
    cure = "attach a data set with the Inception weights, or set enable_internet to true"
    return Finding("weights", "no data set is attached and internet is off", cure)


def _examine_machine(metadata: Metadata) -> Finding:
    shape = metadata.machine_shape or "none"
    if not metadata.enable_gpu and not metadata.enable_tpu:
        return Finding("machine", "CPU only", "set enable_gpu to true and machine_shape")
    detail = "NvidiaTeslaT4 (two T4s of 16 GB)" if shape == "NvidiaTeslaT4" else shape
    bad = shape == "none" or "P100" in shape
    return Finding("machine", detail, "set machine_shape to NvidiaTeslaT4" if bad else "")


def _examine_ledger(work: Workspace) -> Iterator[Finding]:
    events = work.read_ledger()
    pushes = sum(event["event"] == "push" for event in events)
    pending = [f"{event['ref']} of {event.get('time')}" for event in list_pending(events)]
    if not pending:
        yield Finding("ledger", f"{pushes} pushes in {LEDGER}")
        return
    detail = f"whether Kaggle has the push of {', '.join(pending)} is not known"
    yield Finding("ledger", detail, "python build.py runs looks it up")


def _ask_kaggle(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    with explain_missing("kaggle", "it cannot be asked, for a package is not installed"):
        from lib.kaggle.client.kernels import find_latest_version
        from lib.kaggle.client.session import open_session

        with open_session(work.patience) as session:
            version = find_latest_version(session, metadata.ref)
            yield Finding("kaggle", "answers, and takes the credentials")
            yield from _examine_quota(session)
            yield from _guard("submissions", lambda: _examine_limits(session, metadata))
            yield from _examine_push(work, metadata, version)


def _examine_quota(session: "KaggleSession") -> Iterator[Finding]:
    from kagglesdk.kernels.types.kernels_api_service import (
        ApiGetAcceleratorQuotaStatisticsRequest,
    )

    from lib.kaggle.client.errors import KaggleError

    def read(request: Any) -> Finding:
        answer = session.kernels.get_accelerator_quota_statistics(request)
        quota = answer.gpu_quota
        if quota is None or quota.total_time_allowed is None:
            return Finding("gpu hours", "Kaggle does not tell")
        used = quota.time_used.total_seconds() / 3600 if quota.time_used else 0.0
        total = quota.total_time_allowed.total_seconds() / 3600
        left = max(0.0, total - used)
        refresh = answer.quota_refresh_time
        when = f", renewed {refresh:%Y-%m-%d %H:%M} UTC" if refresh else ""
        cure = "" if left >= 1 else f"wait for the weekly reset{when}"
        return Finding("gpu hours", f"{left:.1f} of {total:.1f} h left{when}", cure)

    try:
        yield session.ask("the GPU hours", read, ApiGetAcceleratorQuotaStatisticsRequest())
    except KaggleError as error:
        yield Finding("gpu hours", f"Kaggle does not tell ({error.got})")


def _examine_limits(session: "KaggleSession", metadata: Metadata) -> Iterator[Finding]:
    from lib.kaggle.client.submissions import count_left

    for competition in metadata.competition_sources[:1]:
        left = count_left(session, competition)
        detail = "Kaggle does not tell" if left is None else f"{left} left today for {competition}"
        cure = "the allowance returns at midnight UTC" if left == 0 else ""
        yield Finding("submissions", detail, cure)


def _examine_push(work: Workspace, metadata: Metadata, version: int) -> Iterator[Finding]:
    git = read_git_state(work.root)
    built = read_object(work.root / BUILD_MANIFEST)
    bundle = str(built.get("sha256") or "none")
    detail = f"would make {metadata.ref} version {version + 1} of commit {git.commit[:7]}"
    detail += f", last bundle built here {bundle[:12]}"
    cure = "commit, or push with --allow-dirty" if git.changed else ""
    if git.changed:
        detail += f"; {len(git.changed)} source files are in no commit, first {git.changed[0]}"
    yield Finding("push", detail, cure)
