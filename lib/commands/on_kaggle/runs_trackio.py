"""Write all versions of the ledger as runs into trackio, a tracker of experiments on this machine.

A run's id names what is known of it, so one that trackio holds already is left alone. One that has
changed is written anew before the old one is deleted: trackio writes a run as a whole or not at
all, and an export that was cut off is completed by the next.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, PipelineError
from lib.base.log import log
from lib.base.missing_packages import explain_missing
from lib.commands.all_runs.collect import collect_runs
from lib.commands.all_runs.read_folder import NoRunError
from lib.commands.on_kaggle.describe_for_trackio import Told, TrackioRun, describe_runs
from lib.commands.on_kaggle.training_history import Step, read_history
from lib.kaggle.runs_table import Run, fold_events, show_version
from lib.kaggle.workspace import Workspace

_INSTALL = "python -m pip install trackio"
_AGAIN = (
    "make room or mend what it names, then run the same command again: nothing is doubled; "
    f"where trackio is older than 0.43: {_INSTALL} --upgrade"
)


def export_to_trackio(work: Workspace) -> None:
    """Write a workplace's runs into trackio, and say how to look at them."""
    store = _load_trackio()
    project, main = name_project(work)
    runs = describe_runs(collect_told(work), main)
    if not runs:
        log("runs", f"no push is recorded yet: {work.name_command('push')}")
        return
    place = store.get_project_db_path(project)
    with _explain(f"could not take all runs: {place}"), contextlib.redirect_stdout(sys.stderr):
        written = _write(store, project, runs)
    log("runs", f"{written} written, {len(runs) - written} there already: {place}")
    log("runs", f"to look at them: trackio show --project {project}")


def name_project(work: Workspace) -> tuple[str, str]:
    """(a workplace) -> the project's name in trackio, and the kernel that it is named after.

    It is the folder's name, and no kernel, where kernel-metadata.json cannot be read.
    """
    try:
        metadata = work.read_metadata()
    except InputError:
        return _keep_plain(work.root.resolve().name), ""
    return _keep_plain(metadata.slug), metadata.ref


def _keep_plain(name: str) -> str:
    """A name -> it with the signs alone that trackio keeps in the name of a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "kernel"


def collect_told(work: Workspace) -> list[Told]:
    """Read the ledger and the fetched folders -> what is known of each run that has a version."""
    listed = list(_list_project(work) if work.entry else _list_own(work))
    settled = [each for each in listed if each[0].status != "UNSETTLED"]
    if left := len(listed) - len(settled):
        log("runs", f"{left} not settled yet, so without a version: left out")
    return [Told(run, facts, _read_steps(work, run, folder)) for run, facts, folder in settled]


def _list_own(work: Workspace) -> Iterator[tuple[Run, dict[str, Any], Path | None]]:
    """List this repository's runs, each with its facts and with the folder that was fetched."""
    for row in collect_runs(work).rows:
        if row.run:
            yield row.run, row.as_json(), work.root / row.folder if row.folder else None


def _list_project(work: Workspace) -> Iterator[tuple[Run, dict[str, Any], Path | None]]:
    """List the runs of a project that --entry chose, the same way.

    A folder holds the latest of the versions of one number.
    """
    taken = set()
    for run in fold_events(work.read_ledger()):
        folder = work.locate_run(run.ref, run.version) / run.name
        yield run, run.as_json(), None if folder in taken else folder
        taken.add(folder)


def _read_steps(work: Workspace, run: Run, folder: Path | None) -> Sequence[Step]:
    """Read a run's training from its fetched folder; tell of what is damaged there."""
    try:
        return read_history(folder, has_state=not work.entry) if folder else ()
    except (NoRunError, OSError, ValueError) as error:  # some names of a ledger fit into no path
        log("runs", f"{run.ref} {show_version(run)}: its curves are left out, {error}")
        return ()


def _load_trackio() -> Any:
    """Import trackio's storage, which can write runs without a server and without the network.

    Its `init` and `log` could not: they ask who is signed in, and what they fail to write is lost.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        with explain_missing("runs", "trackio is not installed"), _explain("cannot be imported"):
            from trackio.sqlite_storage import SQLiteStorage
    except InputError as error:
        error.cure = _INSTALL
        raise
    return SQLiteStorage


def _write(store: Any, project: str, runs: Sequence[TrackioRun]) -> int:
    """Write the runs that trackio does not hold as they are; return how many these were."""
    store.validate_project_name(project)
    names = {str(each["id"]): str(each["name"]) for each in store.get_run_records(project)}
    wanted, written = {run.id for run in runs}, 0
    for run in reversed(runs):  # the earliest first
        if run.id not in names:
            rows, when = run.rows, run.when or datetime.now(UTC).isoformat()
            store.bulk_log(
                project,
                run.name,
                [values for _, values in rows],
                steps=[step for step, _ in rows],
                timestamps=[when] * len(rows),
                config=dict(run.config),
                run_id=run.id,
            )
            names[run.id] = run.name
            written += 1
        for old in [each for each in names if each.startswith(run.origin) and each not in wanted]:
            if not store.delete_run(project, names.pop(old), run_id=old):
                raise OSError(f"an older export of {run.name} cannot be deleted")
    return written


@contextlib.contextmanager
def _explain(what: str) -> Iterator[None]:
    """Raise whatever trackio raises as one PipelineError; a missing package is told elsewhere."""
    try:
        yield
    except ModuleNotFoundError:
        raise
    except Exception as error:  # of the disk, of sqlite, of another version's functions
        told = (str(error).splitlines() or [""])[0][:300]
        raise PipelineError(
            "runs",
            f"trackio {what}",
            got=f"{type(error).__name__}: {told}",
            cure=_AGAIN,
        ) from error
