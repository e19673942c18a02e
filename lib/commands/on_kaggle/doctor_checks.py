"""Check all that a push needs; each finding is ok or has a cure."""

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.base.counted import count_things
from lib.base.errors import PipelineError
from lib.base.files import read_object
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.base.missing_packages import CURE as INSTALL
from lib.base.missing_packages import explain_missing
from lib.base.tables import format_table
from lib.commands.on_kaggle.entry_cures import add_entry_to
from lib.kaggle.client.credentials import CURE, find_credentials, is_private, list_secrets
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.git_state import read_git_state
from lib.kaggle.ledger import LEDGER, list_pending
from lib.kaggle.machine_shapes import DEFAULT, choose_timeout, describe_shape, is_cpu, is_tpu
from lib.kaggle.metadata import (
    BUILD_MANIFEST,
    PLACEHOLDER_OWNER,
    check_metadata,
    list_machine_warnings,
    load_metadata,
)
from lib.kaggle.metadata_fields import FILE_NAME, Metadata
from lib.kaggle.workspace import Workspace
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config

if TYPE_CHECKING:
    from lib.kaggle.client.session import KaggleSession

_OLDEST_CLIENT = "2.2.4"  # of those that were tried
_FEW_HOURS = 1.0  # of a quota, below which it is worth a word


@dataclass(frozen=True)
class Finding:
    """One line that the doctor prints."""

    name: str
    detail: str
    cure: str = ""  # "" where nothing is wrong


def examine(work: Workspace) -> list[Finding]:
    """Run all checks, those that need Kaggle last; they change nothing."""
    found = _list_findings(work)
    return [replace(one, cure=add_entry_to(one.cure, work.entry)) for one in found]


def _list_findings(work: Workspace) -> list[Finding]:
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
    findings += [] if work.entry else [_examine_weights(work, metadata)]
    findings += [_examine_machine(work, metadata)]
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
            yield Finding("credentials", detail, f"chmod 600 {_show_path(path)}")


def _show_path(path: Path) -> str:
    """A path -> the word that names it in a shell, below ~ where it lies there."""
    home, whole = Path.home(), path.absolute()
    if whole.is_relative_to(home) and home != Path("/"):
        return f"~/{shlex.quote(whole.relative_to(home).as_posix())}"
    return shlex.quote(str(whole))


def _examine_client(work: Workspace) -> Iterator[Finding]:
    try:
        installed = importlib.metadata.version("kaggle")
    except importlib.metadata.PackageNotFoundError:
        yield Finding("client", "kaggle is not installed", INSTALL)
        return
    pins = work.root / "requirements.txt"
    raw = pins.read_bytes() if pins.is_file() else b""
    text = raw.replace(b"\0", b"").decode(errors="replace")  # PowerShell writes UTF-16
    pinned = re.search(r"^\W*kaggle==(\S+)", text, re.MULTILINE)
    is_old = _read_version(installed) < _read_version(_OLDEST_CLIENT)
    cure = f"pip install {pinned[0] if pinned else '--upgrade kaggle'}" if is_old else ""
    old = f", and {_OLDEST_CLIENT} is the oldest that works" if is_old else ""
    yield Finding("client", f"kaggle {installed}{old}", cure)
    if importlib.util.find_spec("six") is None:
        yield Finding("client", "six is not there, which kaggle needs", "pip install six")


def _read_version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _examine_metadata(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    of_machine = list_machine_warnings(metadata)  # are the next line's
    found = check_metadata(metadata, work.root, for_push=False)
    warnings = [warning for warning in found if warning not in of_machine]
    for warning in warnings:
        what, separator, cure = warning.rpartition(": ")
        if metadata.owner == PLACEHOLDER_OWNER and metadata.owner in what:
            cure = f"{work.name_command('init --owner NAME')}, with your name on Kaggle"
        yield Finding("metadata", what if separator else warning, cure or f"edit {FILE_NAME}")
    if not warnings:
        yield Finding("metadata", f"{metadata.ref}, {metadata.kernel_type}, {metadata.title!r}")


def _examine_bundle(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    path = work.root / metadata.code_file
    if not path.is_file():
        cure = work.name_command("push") if work.entry else "python build.py"
        yield Finding("bundle", f"{metadata.code_file} is not built yet", cure)
        return
    size = path.stat().st_size
    text = path.read_text(encoding="utf-8", errors="replace")
    refuse_secrets(metadata.code_file, text, list_secrets())
    refuse_secrets(FILE_NAME, json.dumps(asdict(metadata), indent=1), list_secrets())
    cure = "bundle fewer modules" if size > SOURCE_BYTES else ""
    detail = f"{size:,} of {SOURCE_BYTES:,} bytes, no secrets"
    if _read_config(work).get("weights_file") == RANDOM_WEIGHTS:
        detail += "; RANDOM WEIGHTS, a smoke test that scores nothing"
        cure = cure or "build it without --weights random before a push"
    yield Finding("bundle", detail, cure)
    if "kaggle_secrets" in text:
        detail = f"{metadata.code_file} reads Kaggle secrets, and a push detaches them all"
        cure = "attach them to each new version in the notebook's editor (Add-ons, Secrets)"
        yield Finding("secrets", detail, cure)


def _read_manifest(work: Workspace, metadata: Metadata) -> dict[str, Any]:
    """Read the manifest of the latest build; {} where there is none."""
    own = (work.root / metadata.code_file).with_suffix(".manifest.json")  # as `bundle` names it
    return read_object(own if work.entry else work.root / BUILD_MANIFEST)


def _list_sources(work: Workspace, metadata: Metadata) -> list[Path]:
    """List the entry and the files of the project's latest bundle, as its manifest names them."""
    manifest, folder = _read_manifest(work, metadata), (work.root / metadata.code_file).parent
    options, inputs = manifest.get("options"), manifest.get("inputs")
    told = options if isinstance(options, dict) else {}
    main = folder / str(told.get("entry") or os.path.abspath(work.entry))
    depth = len(Path(str(manifest.get("name") or "x.py")).parts)
    more = told.get("path")
    roots = [main.joinpath(*[".."] * depth)]
    roots += [folder / str(each) for each in (more if isinstance(more, list) else [])]
    names = [each.get("path") for each in inputs or () if isinstance(each, dict)]
    places = [Path(os.path.normpath(root / str(name))) for root in roots for name in names]
    return [Path(work.entry), *(place for place in (main, *places) if place.is_file())]


def _read_config(work: Workspace) -> dict[str, Any]:
    """Read the Config of this repository's latest build; {} of any other program."""
    config = {} if work.entry else read_object(work.root / BUILD_MANIFEST).get("config")
    return config if isinstance(config, dict) else {}


def _examine_weights(work: Workspace, metadata: Metadata) -> Finding:
    attached = [*metadata.dataset_sources, *metadata.model_sources]
    if attached:
        return Finding("weights", f"from {', '.join(attached)}, if it holds them")
    name = _read_config(work).get("weights_file", "")
    if name not in ("", RANDOM_WEIGHTS, Config().weights_file):
        cure = f"python build.py weights FILE sends {name}, and names it in dataset_sources"
        return Finding("weights", f"{name} cannot be downloaded, and no data set is attached", cure)
    if metadata.enable_internet:
        return Finding("weights", "downloaded by the kernel (internet is on)")
    cure = "attach them: python build.py weights; or set enable_internet to true"
    return Finding("weights", "no data set is attached and internet is off", cure)


def _examine_machine(work: Workspace, metadata: Metadata) -> Finding:
    shape = metadata.machine_shape
    if warnings := list_machine_warnings(metadata):
        what, _, cure = warnings[0].rpartition(": ")
        is_off = not metadata.enable_gpu and not metadata.enable_tpu
        return Finding("machine", f"CPU only by enable_gpu, but {what}" if is_off else what, cure)
    if is_cpu(shape):
        cure = f"set enable_gpu to true and machine_shape to {DEFAULT}"
        return Finding("machine", "CPU only", "" if work.entry else cure)
    return Finding("machine", describe_shape(shape))


def _examine_ledger(work: Workspace) -> Iterator[Finding]:
    events = work.read_ledger()
    pushes = sum(event["event"] == "push" for event in events)
    pending = [f"{event['ref']} of {event.get('time')}" for event in list_pending(events)]
    if not pending:
        yield Finding("ledger", f"{pushes} push{'es' * (pushes != 1)} in {LEDGER}")
        return
    detail = f"whether Kaggle has the push of {', '.join(pending)} is not known"
    yield Finding("ledger", detail, f"{work.name_command('runs')} looks it up")


def _ask_kaggle(work: Workspace, metadata: Metadata) -> Iterator[Finding]:
    with explain_missing("kaggle", "it cannot be asked, for a package is not installed"):
        from lib.kaggle.client.kernels import find_latest_version
        from lib.kaggle.client.session import open_session

        with open_session(work.patience) as session:
            version = find_latest_version(session, metadata.ref)
            yield _examine_owner(work, session, metadata)
            kind = "tpu" if is_tpu(metadata.machine_shape) else "gpu"
            on_cpu = is_cpu(metadata.machine_shape)
            yield from _examine_quota(session, kind, _find_cost(work, metadata), on_cpu)
            yield from _guard("submissions", lambda: _examine_limits(work, session, metadata))
            yield from _examine_push(work, metadata, version)


def _examine_owner(work: Workspace, session: "KaggleSession", metadata: Metadata) -> Finding:
    from lib.kaggle.client.account import ask_account, find_owner_cure
    from lib.kaggle.client.errors import KaggleError

    try:
        account = ask_account(session)
    except KaggleError:
        account = ""
    cure = find_owner_cure(account, metadata.ref)
    if cure and metadata.owner == PLACEHOLDER_OWNER:
        cure = work.name_command(f"init --owner {account}")
    whose = f" of {account}" if account else ""
    other = f", who is not the kernel's owner {metadata.owner}" if cure else ""
    return Finding("kaggle", f"answers, and takes the credentials{whose}{other}", cure)


def _find_cost(work: Workspace, metadata: Metadata) -> float:
    """Return the most hours that a run of the latest build takes; 0 where that is not known."""
    minutes = _read_config(work).get("minutes")
    if not isinstance(minutes, int | float) or is_cpu(metadata.machine_shape):
        return 0.0
    return choose_timeout(minutes, metadata.machine_shape) / 3600


def _examine_quota(
    session: "KaggleSession", kind: str = "gpu", cost_h: float = 0.0, on_cpu: bool = False
) -> Iterator[Finding]:
    from lib.kaggle.client.account import ask_quota
    from lib.kaggle.client.errors import KaggleError

    name = f"{kind} hours"
    try:
        quota = ask_quota(session, kind)
    except KaggleError as error:
        yield Finding(name, f"Kaggle does not tell ({error.got})")
        return
    if quota is None:
        yield Finding(name, "Kaggle does not tell")
        return
    cost = f"; the build's run takes at most {cost_h:.1f} h of them" if cost_h else ""
    cure = ""
    if not on_cpu and quota.left_h - quota.reserved_h < max(cost_h, _FEW_HOURS):
        when = f", renewed {quota.renewed:%Y-%m-%d %H:%M} UTC" if quota.renewed else ""
        cure = f"wait for the weekly reset{when}, or push to a CPU: --accelerator none"
        cure = f"build with fewer --minutes, or {cure}" if quota.left_h >= _FEW_HOURS else cure
    yield Finding(name, quota.describe() + cost, cure)


def _examine_limits(
    work: Workspace, session: "KaggleSession", metadata: Metadata
) -> Iterator[Finding]:
    from lib.kaggle.client.submissions import count_left

    named = (work.competition,) if work.competition else metadata.competition_sources
    for competition in named[:1]:
        left = count_left(session, competition)
        detail = "Kaggle does not tell" if left is None else f"{left} left today for {competition}"
        cure = "the allowance returns at midnight UTC" if left == 0 else ""
        yield Finding("submissions", detail, cure)


def _examine_push(work: Workspace, metadata: Metadata, version: int) -> Iterator[Finding]:
    git = read_git_state(work.root, _list_sources(work, metadata) if work.entry else None)
    bundle = str(_read_manifest(work, metadata).get("sha256") or "none")
    detail = f"would make {metadata.ref} version {version + 1} of commit {git.commit[:7]}"
    detail += f", last bundle built here {bundle[:12]}"
    cure = "commit, or push with --allow-dirty" if git.changed else ""
    if git.changed:
        names = count_things(len(git.changed), "source file")
        detail += f"; {names} in no commit, first {git.changed[0]}"
    yield Finding("push", detail, cure)
