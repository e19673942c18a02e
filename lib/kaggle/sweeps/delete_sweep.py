"""Find the kernels that a sweep pushed, and delete those that hold nothing else.

What was fetched from them stays in runs/. A call that was interrupted is made again: it deletes
what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.base.counted import count_things
from lib.base.errors import InputError
from lib.base.log import log
from lib.kaggle.client.delete_kernel import delete_kernel
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.kernels import get_status
from lib.kaggle.client.session import KaggleSession
from lib.kaggle.metadata_fields import Metadata
from lib.kaggle.push import find_newest_version
from lib.kaggle.workspace import Workspace


@dataclass(frozen=True)
class SweptKernel:
    """A kernel to which a sweep pushed, as Kaggle has it now."""

    ref: str
    version: int  # its latest; 0: it is gone
    running: str = ""  # the status of a version that has not ended
    kept: str = ""  # why it is not deleted

    def describe(self) -> str:
        """Return its line of the list that is asked about."""
        if not self.version:
            return f"{self.ref}: gone already"
        state = f", {self.running}" if self.running else ""
        versions = count_things(self.version, "version")
        kept = f": stays, for {self.kept}" if self.kept else ""
        return f"{self.ref} ({versions}{state}){kept}"


def list_sweeps(events: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Events of the ledger -> the ids of sweeps, each with the kernels that are left of it."""
    found: dict[str, list[str]] = {}
    for event in events:
        ref, sweep = event["ref"], event.get("sweep")
        if event["event"] == "push" and isinstance(sweep, str):
            refs = found.setdefault(sweep, [])
            refs += [] if ref in refs else [ref]
        elif event["event"] == "delete":
            for refs in found.values():
                refs[:] = [each for each in refs if each != ref]
        elif event["event"] == "release" and isinstance(sweep, str):
            found[sweep] = [each for each in found.get(sweep, []) if each != ref]
    return found


def find_swept(
    work: Workspace, session: KaggleSession, metadata: Metadata, sweep_id: str
) -> list[SweptKernel]:
    """List the kernels that are left of a sweep; InputError for an id that no push has."""
    events = work.read_ledger()
    sweeps = list_sweeps(events)
    if sweep_id not in sweeps:
        left = {each: count_things(len(refs), "kernel") for each, refs in sweeps.items() if refs}
        known = ", ".join(f"{each} ({count})" for each, count in left.items())
        cure = f"name one of {known}" if known else "python build.py runs lists all pushes"
        raise InputError("sweep", "no push of that sweep is recorded", got=sweep_id, cure=cure)
    found = []
    for ref in sweeps[sweep_id]:
        latest = find_newest_version(work, session, ref)
        kept = _tell_why_kept(events, metadata, sweep_id, ref, latest)
        running = _find_running(session, ref, latest) if latest else ""
        found.append(SweptKernel(ref, latest, running, kept))
    return found


def delete_swept(
    work: Workspace, session: KaggleSession, sweep_id: str, kernels: Sequence[SweptKernel]
) -> dict[str, str]:
    """Delete kernels of a sweep and record each; return ref -> deleted, gone, or why it stays."""
    ends = {}
    for kernel in kernels:
        ref, facts = kernel.ref, {"sweep": sweep_id}
        if kernel.kept and kernel.version:
            log("sweep", kernel.describe())
            work.record("release", ref, kernel.version, **facts)  # its other pushes may delete it
            ends[ref] = kernel.kept
            continue
        is_deleted = bool(kernel.version) and delete_kernel(session, ref)
        ends[ref] = "deleted" if is_deleted else "gone"
        work.record("delete", ref, kernel.version, status="DELETED", **facts)
        log("sweep", f"{ref} is {'deleted' if is_deleted else 'gone already'}")
    return ends


def _tell_why_kept(
    events: Sequence[Mapping[str, Any]], metadata: Metadata, sweep_id: str, ref: str, latest: int
) -> str:
    """Tell what else a kernel holds than this sweep's runs; "" for nothing."""
    if ref.lower() == metadata.ref.lower():
        return "it is the main kernel"
    pushes: list[Mapping[str, Any]] = []
    released = set()
    for event in events:
        if event["ref"] == ref and event["event"] == "push":
            if not event.get("late") and any(e["version"] >= event["version"] for e in pushes):
                pushes.clear()  # it was deleted by hand
            pushes.append(event)
        elif event["ref"] == ref and event["event"] == "delete":
            pushes.clear()  # a kernel made anew has none of the former versions
        elif event["ref"] == ref and event["event"] == "release":
            released.add(event.get("sweep"))
    for push in pushes:
        owner = push.get("sweep")
        if owner != sweep_id and owner not in released:
            whose = f"sweep {owner}" if owner else "a push of its own"
            return f"version {push['version']} is of {whose}"
    foreign = set(range(1, latest + 1)) - {push["version"] for push in pushes}
    return f"version {min(foreign)} was not pushed from here" if foreign else ""


def _find_running(session: KaggleSession, ref: str, version: int) -> str:
    """Ask whether a kernel's latest version still runs; return its status where it does."""
    try:
        status = session.repeat(lambda: get_status(session, ref, version))
    except KaggleError:
        return ""  # it is only told
    return "" if status.is_terminal else f"version {version} is {status.name}"
