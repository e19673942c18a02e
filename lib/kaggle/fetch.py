"""Fetch a version from Kaggle into runs/<slug>/v<N>/: its verified outputs and its log."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.counted import count_things
from lib.base.errors import PipelineError
from lib.base.files import read_json, write_text
from lib.base.log import Progress, log
from lib.base.run_files import MANIFEST, METRICS
from lib.kaggle.client.download import Downloader, Wanted
from lib.kaggle.client.kernel_log import find_log_seconds, parse_log
from lib.kaggle.client.kernels import OutputFile, list_outputs
from lib.kaggle.client.secrets import clean_line
from lib.kaggle.client.session import KaggleSession, open_plain_session
from lib.kaggle.fetched_folder import (
    demand_verified,
    hold_folder,
    read_digests,
    reuse,
    swap_folder,
)
from lib.kaggle.output_names import check_names, choose_files, may_be_written, show_name


@dataclass(frozen=True)
class Fetched:
    """What was downloaded."""

    manifest: dict[str, Any] | None  # written by the kernel; None: it wrote none
    metrics: dict[str, Any]
    files: int
    unverified: tuple[str, ...]  # files that the manifest does not list
    left_out: tuple[str, ...]  # files that no pattern names and that are not here
    minutes: float | None  # of the session, from its log


def fetch_version(
    session: KaggleSession, ref: str, version: int, target: Path, patterns: Sequence[str] = ()
) -> Fetched:
    """Download a version's outputs, verify them and put them into a new folder.

    They are downloaded into a folder beside it first. After an interruption a later call goes on
    there. Files that are here already and verified are kept; with patterns only files are
    downloaded that one of them names.
    """
    with hold_folder(target):
        return _fetch(session, ref, version, target, patterns)


def _fetch(
    session: KaggleSession, ref: str, version: int, target: Path, patterns: Sequence[str]
) -> Fetched:
    files, kept_log = list_outputs(session, ref, version)
    chosen = choose_files(files, patterns, session.secrets)
    check_names(chosen, session.secrets)
    part = target.with_name(f".{target.name}.part")  # whole files
    partials = target.with_name(f".{target.name}.partial")  # pieces of files
    _remove_strangers(part, {file.name for file in chosen})
    with open_plain_session(session.patience) as plain:
        downloader = Downloader(
            session, plain, partials, lambda: list_outputs(session, ref, version)[0]
        )
        manifest = _save_all(downloader, chosen, part, target)
    _demand_listed(session, manifest, files)
    left_out = _keep_others(files, chosen, manifest, part, target)
    names = {file.name for file in files} - set(left_out)
    _write_log(session, part, ref.split("/")[1], {file.name for file in files}, kept_log)
    swap_folder(part, target)
    shutil.rmtree(partials, ignore_errors=True)
    seconds = find_log_seconds(kept_log)
    metrics = read_json(target / METRICS)
    unverified = sorted(names - read_digests(manifest).keys() - {MANIFEST})
    return Fetched(
        manifest,
        metrics if isinstance(metrics, dict) else {},
        len(names),
        tuple(show_name(name, session.secrets) for name in unverified),
        tuple(show_name(name, session.secrets) for name in left_out),
        None if seconds is None else seconds / 60,
    )


def _save_all(
    downloader: Downloader, files: Sequence[OutputFile], part: Path, target: Path
) -> dict[str, Any] | None:
    """Save all files, the manifest first, as it verifies the others; return the manifest."""
    part.mkdir(parents=True, exist_ok=True)  # also where the version has no files
    first = [Wanted(file, part / file.name, None) for file in files if file.name == MANIFEST]
    progress = Progress("fetch", len(files), "files")
    downloader.save_all(first, lambda count, name: progress.update(count, ""))
    read = read_json(part / MANIFEST) if first else None
    demand_verified(read, target)
    digests = read_digests(read)
    wanted = []
    for file in files:
        digest = digests.get(file.name)
        if digest is not None and reuse(target / file.name, part / file.name, digest):
            continue
        if file.name != MANIFEST:
            wanted.append(Wanted(file, part / file.name, digest))
    have = len(files) - len(wanted)
    downloader.save_all(wanted, lambda count, name: progress.update(have + count, ""))
    return read if isinstance(read, dict) else None


def _demand_listed(
    session: KaggleSession, manifest: dict[str, Any] | None, files: Sequence[OutputFile]
) -> None:
    """Raise PipelineError where the manifest lists a file that the version does not have."""
    names = {file.name for file in files}
    if missing := sorted(read_digests(manifest).keys() - names):
        raise PipelineError(
            "fetch",
            "files that the kernel's manifest lists are not among its outputs",
            got=", ".join(show_name(name, session.secrets) for name in missing[:5]),
            cure="fetch again in a minute; if they stay away, push again",
        )


def _keep_others(
    files: Sequence[OutputFile],
    chosen: Sequence[OutputFile],
    manifest: dict[str, Any] | None,
    part: Path,
    target: Path,
) -> list[str]:
    """Take the files that were not chosen from the earlier folder; list those it lacks.

    Where no manifest lists files, neither here nor there, the earlier ones stay unverified.
    """
    digests, picked = read_digests(manifest), {file.name for file in chosen}
    earlier = read_json(target / MANIFEST)
    is_same = earlier == manifest if digests else not read_digests(earlier)

    def keep(name: str) -> bool:
        if not may_be_written(name) or not (name in digests or is_same):
            return False
        try:
            return reuse(target / name, part / name, digests.get(name))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return False  # a file where a chosen one has its folder, or a folder

    return [name for name in sorted({file.name for file in files} - picked) if not keep(name)]


def _remove_strangers(part: Path, names: set[str]) -> None:
    """Delete files of an earlier try that this version does not have."""
    for path in sorted(part.rglob("*"), reverse=True) if part.is_dir() else []:
        if path.is_symlink() or not path.is_dir():
            if path.relative_to(part).as_posix() not in names:
                path.unlink()
        elif not any(path.iterdir()):  # a file may want its place
            path.rmdir()


def _write_log(
    session: KaggleSession, part: Path, slug: str, names: set[str], kept_log: str
) -> None:
    name = f"{slug}.log"
    while name in names:
        name = f"{name.removesuffix('.log')}.kaggle.log"
    lines = [clean_line(line, session.secrets) for line in parse_log(kept_log)]
    write_text(part / name, "".join(f"{line}\n" for line in lines))
    log("fetch", f"the log has {count_things(len(lines), 'line')}, in {name}")
