"""Fetch a version from Kaggle into runs/<slug>/v<N>/: its verified outputs and its log."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.files import read_json, write_text
from lib.base.log import Progress, log
from lib.base.run_files import MANIFEST, METRICS
from lib.kaggle.client.download import Downloader, check_names, swap_folder
from lib.kaggle.client.kernel_log import find_log_seconds, parse_log
from lib.kaggle.client.kernels import OutputFile, list_outputs
from lib.kaggle.client.secrets import clean_line
from lib.kaggle.client.session import KaggleSession, open_plain_session


@dataclass(frozen=True)
class Fetched:
    """What was downloaded."""

    manifest: dict[str, Any] | None  # written by the kernel; None: it wrote none
    metrics: dict[str, Any]
    files: int
    unverified: tuple[str, ...]  # files that the manifest does not list
    minutes: float | None  # of the session, from its log


def fetch_version(session: KaggleSession, ref: str, version: int, target: Path) -> Fetched:
    """Download a version's outputs, verify them and put them into a new folder.

    They are downloaded into a folder beside it first. After an interruption a later call goes on
    there.
    """
    files, kept_log = list_outputs(session, ref, version)
    check_names(files)
    part = target.with_name(f".{target.name}.part")  # whole files
    partials = target.with_name(f".{target.name}.partial")  # pieces of files
    _remove_strangers(part, {file.name for file in files})
    with open_plain_session(session.patience) as plain:
        downloader = Downloader(
            plain, session.patience, partials, lambda: list_outputs(session, ref, version)[0]
        )
        manifest = _save_all(downloader, files, part)
    digests = _read_digests(manifest)
    names = {file.name for file in files}
    if missing := sorted(digests.keys() - names):
        raise PipelineError(
            "fetch",
            "files that the kernel's manifest lists are not among its outputs",
            got=", ".join(missing[:5]),
            cure="fetch again in a minute; if they stay away, push again",
        )
    _write_log(session, part, ref.split("/")[1], names, kept_log)
    swap_folder(part, target)
    shutil.rmtree(partials, ignore_errors=True)
    seconds = find_log_seconds(kept_log)
    metrics = read_json(target / METRICS)
    return Fetched(
        manifest,
        metrics if isinstance(metrics, dict) else {},
        len(files),
        tuple(sorted(names - digests.keys() - {MANIFEST})),
        None if seconds is None else seconds / 60,
    )


def _save_all(downloader: Downloader, files: list[OutputFile], part: Path) -> dict[str, Any] | None:
    """Save all files, the manifest first, as it verifies the others; return the manifest."""
    manifest: dict[str, Any] | None = None
    progress = Progress("fetch", len(files), "files")
    for done, file in enumerate(sorted(files, key=lambda file: file.name != MANIFEST)):
        downloader.save(file, part / file.name, _read_digests(manifest).get(file.name))
        if file.name == MANIFEST:
            read = read_json(part / MANIFEST)
            manifest = read if isinstance(read, dict) else None
        progress.update(done + 1, file.name)
    part.mkdir(parents=True, exist_ok=True)  # also where the version has no files
    return manifest


def _read_digests(manifest: dict[str, Any] | None) -> dict[str, str]:
    listed = (manifest or {}).get("artefacts")
    items = listed.items() if isinstance(listed, dict) else ()
    return {str(name): str(digest) for name, digest in items}


def _remove_strangers(part: Path, names: set[str]) -> None:
    """Delete files of an earlier try that this version does not have."""
    for path in sorted(part.rglob("*")) if part.is_dir() else []:
        if not path.is_dir() and path.relative_to(part).as_posix() not in names:
            path.unlink()


def _write_log(
    session: KaggleSession, part: Path, slug: str, names: set[str], kept_log: str
) -> None:
    name = f"{slug}.log" if f"{slug}.log" not in names else f"{slug}.kaggle.log"
    lines = [clean_line(line, session.secrets) for line in parse_log(kept_log)]
    write_text(part / name, "".join(f"{line}\n" for line in lines))
    log("fetch", f"the log has {len(lines)} lines, in {name}")
