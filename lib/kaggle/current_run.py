"""Refuse a run that has not ended or did not complete, or is not what Kaggle holds of its version.

A kernel that was deleted and made anew counts its versions from one again, so a fetched folder may
be of an older kernel's version of the same number.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.base.errors import PipelineError
from lib.base.run_files import MANIFEST
from lib.kaggle.client.download import Downloader, Wanted
from lib.kaggle.client.kernels import OutputFile, Status, get_status, list_outputs
from lib.kaggle.client.session import KaggleSession, open_plain_session
from lib.kaggle.watch import Watched, demand_complete
from lib.kaggle.workspace import Workspace


def demand_ended(
    work: Workspace, session: KaggleSession, stage: str, ref: str, version: int, so: str = ""
) -> Status:
    """Return the Status of a run that has ended; raise PipelineError while it goes on.

    `so` ends the error's first line with what was not done.
    """
    status = session.repeat(lambda: get_status(session, ref, version))
    if not status.is_terminal:
        raise PipelineError(
            stage,
            f"{ref} version {version} has not ended{so}",
            got=status.name,
            cure=work.name_command(f"watch {ref.split('/')[1]}/{version}"),
        )
    return status


def demand_completed(work: Workspace, session: KaggleSession, ref: str, version: int) -> None:
    """Raise PipelineError unless Kaggle says that the version's run is COMPLETE."""
    so = ", so nothing was submitted"
    status = demand_ended(work, session, "submit", ref, version, so)
    demand_complete("submit", Watched(status, None), ref, version)


def is_current(work: Workspace, session: KaggleSession, ref: str, version: int) -> bool:
    """Tell whether a fetched folder's manifest is the very file that Kaggle holds now.

    The manifest names the bundle and the sha256 of each output. Where a program left none, the file
    to submit is compared itself.
    """
    folder = work.locate_run(ref, version)
    name = MANIFEST if (folder / MANIFEST).is_file() else work.submission
    files = {file.name: file for file in _list_files(session, ref, version)}
    if name not in files:
        return False
    with TemporaryDirectory() as place, open_plain_session(session.patience) as plain:
        held = Path(place) / "held"
        relist = partial(_list_files, session, ref, version)
        Downloader(session, plain, Path(place), relist).save(Wanted(files[name], held, None))
        return _read(held) == _read(folder / name)


def _list_files(session: KaggleSession, ref: str, version: int) -> list[OutputFile]:
    return list_outputs(session, ref, version)[0]


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
