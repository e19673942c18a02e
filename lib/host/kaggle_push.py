"""A built bundle and metadata -> a version on Kaggle, recorded with all that tells what it is."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lib.host.git_state import GitState
from lib.host.kaggle_client import KaggleSession
from lib.host.kaggle_kernels import Pushed, push_kernel
from lib.host.metadata import check_metadata
from lib.host.metadata_fields import Metadata
from lib.host.secrets_scan import refuse_secrets
from lib.host.workplace import Workplace
from lib.kernel.errors import InputError, PipelineError
from lib.kernel.progress import log
from lib.kernel.storage import sha256_bytes, write_text


@dataclass(frozen=True)
class Cargo:
    """What is pushed, and how it was made."""

    source: Path  # the built kernel
    bundle_sha256: str  # of its sources; the run's manifest names the same
    recipe: str
    overrides: tuple[str, ...]  # "key=value", as given
    config: dict[str, Any]
    git: GitState


def check_clean(git: GitState, allow_dirty: bool) -> None:
    """(GitState, --allow-dirty) -> nothing; InputError where no commit would tell the run."""
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


def push_cargo(work: Workplace, session: KaggleSession, metadata: Metadata, cargo: Cargo) -> Pushed:
    """(workplace, session, Metadata, Cargo) -> Pushed, in the ledger; PipelineError if faulty.

    A version that Kaggle took with faults is recorded as well, since it runs all the same.
    """
    for warning in check_metadata(metadata, work.root, for_push=True):
        log("push", f"warning: {warning}")
    source = cargo.source.read_text(encoding="utf-8")
    refuse_secrets(f"the bundle {cargo.source.name}", source, session.secrets)
    refuse_secrets("kernel-metadata.json", json.dumps(asdict(metadata), indent=1), session.secrets)
    known = work.find_last_version(metadata.ref)
    pushed = push_kernel(session, metadata, source, known)
    digest = sha256_bytes(source.encode())
    write_text(work.locate_source(digest), source)
    work.record(
        "push",
        pushed.ref,
        pushed.version,
        commit=cargo.git.commit,
        changed=list(cargo.git.changed),
        bundle_sha256=cargo.bundle_sha256,
        source_sha256=digest,
        recipe=cargo.recipe,
        overrides=list(cargo.overrides),
        config=cargo.config,
        machine_shape=metadata.machine_shape,
        weights_file=cargo.config.get("weights_file", ""),
        weights_sha256=cargo.config.get("weights_sha256", ""),
        faults=list(pushed.faults),
        **({"status": "FAULTY"} if pushed.faults else {}),
    )
    _demand_faultless(pushed)
    log("push", f"{pushed.ref} version {pushed.version}, bundle {cargo.bundle_sha256[:12]}")
    log("push", f"{pushed.url}")
    return pushed


def choose_machine(metadata: Metadata, accelerator: str | None) -> Metadata:
    """(Metadata, --accelerator or None) -> Metadata with that machine_shape for this push."""
    if accelerator is None:
        return metadata
    log("push", f"machine_shape {accelerator} (given by --accelerator)")
    is_tpu = accelerator.lower().startswith("tpu")
    return replace(metadata, machine_shape=accelerator, enable_gpu=not is_tpu, enable_tpu=is_tpu)


def _demand_faultless(pushed: Pushed) -> None:
    if not pushed.faults:
        return
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
