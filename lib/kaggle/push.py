"""Push a built bundle to Kaggle as a new version, and record what it was made from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lib.base.disk_errors import explain_disk
from lib.base.errors import InputError, PipelineError
from lib.base.files import sha256_bytes, write_text
from lib.base.log import log
from lib.kaggle.client.account import explain_owner
from lib.kaggle.client.kernels import find_latest_version, has_status
from lib.kaggle.client.late_effects import Journal
from lib.kaggle.client.save_kernel import Pushed, push_kernel
from lib.kaggle.client.secrets import refuse_secrets
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.git_state import GitState
from lib.kaggle.ledger import list_lost, list_pending
from lib.kaggle.machine_shapes import choose_timeout, describe_shape, is_cpu, is_tpu
from lib.kaggle.metadata import check_metadata
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.projects.notebook_source import read_source
from lib.kaggle.push_records import (
    Found,
    find_late,
    find_pending,
    record_intent,
    record_push,
    record_refusal,
)
from lib.kaggle.workspace import Workspace


@dataclass(frozen=True)
class Cargo:
    """What is pushed, and how it was made."""

    source: Path  # the built kernel
    bundle_sha256: str  # as in the run's manifest
    label: str  # what `runs` calls it
    facts: dict[str, Any]  # of the project, recorded with the push
    git: GitState
    minutes: float | None = None  # of the run, as it plans them; None: Kaggle's own limit holds
    text: str = ""  # of the built kernel; "": it is read from the file

    def read(self) -> str:
        """Return the kernel as it was built; another command may have built over its file."""
        return self.text or self.source.read_text(encoding="utf-8")


def check_clean(git: GitState, allow_dirty: bool) -> None:
    """Raise InputError where no commit holds the sources, unless --allow-dirty was given."""
    if not git.changed:
        return
    names = ", ".join(git.changed[:5]) + (", ..." if len(git.changed) > 5 else "")
    if not allow_dirty:
        raise InputError(
            "push",
            "the sources differ from the commit, so the run could not be traced to one",
            got=names,
            cure="commit them, or push with --allow-dirty",
        )
    log("push", f"warning: pushed with changes that are in no commit: {names}")


def push_cargo(work: Workspace, session: KaggleSession, metadata: Metadata, cargo: Cargo) -> Pushed:
    """Push a kernel and record it in the ledger; raise PipelineError if Kaggle finds faults in it.

    A version that Kaggle accepted with faults is recorded too, because it runs nevertheless. If an
    earlier push of the same was cut off but did arrive, it is used instead of a new one.
    """
    if cargo.minutes is not None:
        seconds = choose_timeout(cargo.minutes, metadata.machine_shape)
        metadata = replace(metadata, session_timeout_s=seconds)
        log("push", f"Kaggle ends the run after {seconds / 60:g} min, even if it hangs")
    for warning in check_metadata(metadata, work.root, for_push=True):
        log("push", f"warning: {warning}")
    source = read_source(cargo.read(), metadata.kernel_type)
    fields = json.dumps(asdict(metadata), indent=1)
    refuse_secrets(f"the bundle {cargo.source.name}", source, session.secrets)
    refuse_secrets("kernel-metadata.json", fields, session.secrets)
    facts = _list_facts(metadata, cargo, source, sha256_bytes((fields + source).encode()))
    with work.hold("push", wait=True):
        if found := _settle(work, session, metadata.ref, facts["request_sha256"]):
            log("push", "that is this push: nothing new is sent")
            _tell(found.pushed, cargo)
            found.record(work)
            return _demand_faultless(found.pushed)
        with explain_owner(session, metadata.ref):
            return _push(work, session, metadata, cargo, source, facts)


def _settle(work: Workspace, session: KaggleSession, ref: str, request: str) -> Found | None:
    """Look up the kernel's pushes that were cut off; return the one that equals this request.

    That one is not recorded yet, the others are.
    """
    for find, list_open in ((find_pending, list_pending), (find_late, list_lost)):
        for intent in list_open(work.read_ledger()):
            found = find(work, session, intent) if intent["ref"] == ref else None
            if found and found.is_of(request):
                return found
            if found:
                found.record(work)
    return None


def _tell(pushed: Pushed, cargo: Cargo) -> None:
    """Name the version; its push is recorded only then.

    Else a command that was killed before it named its version would push the same once more.
    """
    log("push", f"{pushed.ref} version {pushed.version}, bundle {cargo.bundle_sha256[:12]}")
    log("push", f"{pushed.url}")


def _push(
    work: Workspace,
    session: KaggleSession,
    metadata: Metadata,
    cargo: Cargo,
    source: str,
    facts: dict[str, Any],
) -> Pushed:
    """Push a script as a new version; record it in the ledger before and after."""
    ref, push_id = metadata.ref, ""
    before = find_newest_version(work, session, ref)
    kept = work.locate_source(facts["source_sha256"])
    with explain_disk("push", "the script cannot be kept, so it was not pushed", kept):
        write_text(kept, source)

    def intend(known: Sequence[int]) -> None:
        nonlocal push_id
        push_id = record_intent(work, ref, before, facts)

    def give_up(reason: str, lost: bool) -> None:
        record_refusal(work, push_id, ref, before, reason, lost)

    pushed = push_kernel(session, metadata, source, before, Journal(intend, give_up))
    _tell(pushed, cargo)
    record_push(work, push_id, pushed, facts)
    return _demand_faultless(pushed)


def find_newest_version(work: Workspace, session: KaggleSession, ref: str) -> int:
    """Find the latest version that a kernel has on Kaggle; 0 for a kernel that is not there.

    Kaggle may not name the latest, so the ledger's last one counts while it has a status. Without
    one the kernel was deleted: a push, and each later search for it, begins at version 1.
    """
    if latest := find_latest_version(session, ref):
        return latest
    last = work.find_last_version(ref)
    return last if last and has_status(session, ref, last) else 0


def _list_facts(metadata: Metadata, cargo: Cargo, source: str, request: str) -> dict[str, Any]:
    return {
        **cargo.facts,
        "commit": cargo.git.commit,
        "changed": list(cargo.git.changed),
        "bundle_sha256": cargo.bundle_sha256,
        "source_sha256": sha256_bytes(source.encode()),
        "request_sha256": request,  # of metadata and source
        "label": cargo.label,
        "machine_shape": metadata.machine_shape,
        **({} if metadata.is_run else {"saved_only": True}),
    }


def choose_machine(metadata: Metadata, accelerator: str | None) -> Metadata:
    """(Metadata, --accelerator or None) -> Metadata with that machine_shape for this push."""
    if accelerator is None:
        return metadata
    shape = "" if is_cpu(accelerator) else accelerator
    log("push", f"on {describe_shape(shape)}, as --accelerator says")
    gpu, tpu = bool(shape) and not is_tpu(shape), is_tpu(shape)
    return replace(metadata, machine_shape=shape, enable_gpu=gpu, enable_tpu=tpu)


def _demand_faultless(pushed: Pushed) -> Pushed:
    if not pushed.faults:
        return pushed
    drift = any("slug drift" in fault for fault in pushed.faults)
    cure = f"stop version {pushed.version} at {pushed.url or 'kaggle.com'}, then "
    cure += (
        f'set "id" in kernel-metadata.json to "{pushed.ref}" and title to match, and push again'
        if drift
        else "correct the lists of kernel-metadata.json and push again"
    )
    raise PipelineError(
        "push",
        "Kaggle took the push, but the run would not be the one that was meant",
        got="; ".join(pushed.faults),
        cure=cure,
    )
