"""Keep a version's folder whole: one fetch at a time, and nothing verified is lost."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.file_lock import lock, open_lock_file
from lib.base.files import copy_file, read_json, sha256_file
from lib.base.log import log
from lib.base.run_files import MANIFEST
from lib.kaggle.output_names import may_be_written


@contextmanager
def hold_folder(target: Path) -> Iterator[None]:
    """Let one process at a time fetch into a version's folder; the others wait.

    The lock is a file beside the folders of all kernels. Where a fetch was killed while it put the
    new folder into its place, the old one returns.
    """
    place = target.parent.parent / ".locks" / f"{target.parent.name}.{target.name}.lock"
    with open_lock_file(place) as file:
        if not lock(file, wait=False):
            log("fetch", "another fetch of this version is under way: waiting for it")
            lock(file)
        old = _name_old(target)
        if old.exists() and not target.exists():
            old.rename(target)
        yield


def swap_folder(new: Path, target: Path) -> None:
    """Put a finished folder in its place, and remove an older one there."""
    old = _name_old(target)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def read_digests(manifest: Any) -> dict[str, str]:
    """A manifest, or anything else -> the sha256 of each file that it lists."""
    listed = manifest.get("artefacts") if isinstance(manifest, dict) else None
    items = listed.items() if isinstance(listed, dict) else ()
    return {str(name): str(digest) for name, digest in items}


def list_lacking(folder: Path) -> list[str]:
    """List the files that a fetched folder lacks: its manifest, or what that lists."""
    if not (folder / MANIFEST).is_file():
        return [MANIFEST]
    listed = read_digests(read_json(folder / MANIFEST))
    return [name for name in listed if may_be_written(name) and not (folder / name).is_file()]


def demand_verified(manifest: Any, target: Path) -> None:
    """Raise PipelineError where an unverified folder would take the place of a verified one."""
    if read_digests(manifest) or not read_digests(read_json(target / MANIFEST)):
        return
    raise PipelineError(
        "fetch",
        f"Kaggle sent no {MANIFEST} that lists files, and the folder here has one",
        got="nothing that could be verified; the folder stays as it was",
        cure=f"fetch again later; to take what Kaggle has now, move {target.parent.name}/"
        f"{target.name} away first",
    )


def reuse(source: Path, target: Path, digest: str | None) -> bool:
    """Take a file from an earlier folder if it is the same; return whether it was.

    A digest of None stands for a file that is known to be the same.
    """
    if not source.is_file() or source.is_symlink():
        return False
    if digest is not None and sha256_file(source) != digest:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a disk without links
        copy_file(source, target)
    return True


def _name_old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
