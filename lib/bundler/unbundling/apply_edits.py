"""The files of a bundle -> what is to be written into a folder, and why some of it must not be."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_bytes, write_bytes
from lib.bundler.unbundling.bundled_file import BundledFile
from lib.bundler.unbundling.read_script import STAGE

_SHOWN = 5  # paths in a message


@dataclass(frozen=True)
class Step:
    """What is done with one file."""

    path: str
    done: str  # in words
    content: bytes | None = None  # to be written; None: nothing is


@dataclass(frozen=True)
class Plan:
    """What is done with all files, or why nothing may be."""

    steps: tuple[Step, ...]
    refused: tuple[str, ...] = ()  # a file and the reason, each
    diff: str = ""  # from the files that are there to those of the bundle


def plan_copies(files: Iterable[BundledFile], folder: Path) -> Plan:
    """(files, a folder) -> a plan that writes all; InputError where another file would be lost."""
    steps, lost = [], []
    for file in files:
        there = _read(_find_target(folder, file.path))
        edited = ", edited" * file.is_edited
        if there == file.content:
            steps.append(Step(file.path, f"there already{edited}"))
        elif there is None:
            steps.append(Step(file.path, f"written{edited}", file.content))
        else:
            lost.append(file.path)
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        said = f"{folder} holds another {', '.join(lost[:_SHOWN])}{more}, which would be lost"
        cure = f"name another folder, or write --into {folder} to apply the edits alone"
        raise InputError(STAGE, f"{said}; cure: {cure}")
    return Plan(tuple(steps))


def plan_edits(files: Iterable[BundledFile], folder: Path) -> Plan:
    """(files, the folder of their sources) -> a plan that writes those that were edited.

    A source that has changed since it was bundled is never overwritten: then the plan is refused.
    """
    steps, refused, diffs = [], [], []
    for file in files:
        if not file.is_edited:
            steps.append(Step(file.path, "not edited"))
            continue
        there = _read(_find_target(folder, file.path))
        if there == file.content:
            steps.append(Step(file.path, "has the edits already"))
        elif (there is None and not file.sha256) or (
            there is not None and sha256_bytes(there) == file.sha256
        ):
            steps.append(Step(file.path, "edits written", file.content))
        else:
            how = "is gone" if there is None else "has changed"
            steps.append(Step(file.path, f"refused, for it {how}"))
            refused.append(f"{file.path} {how} in {folder} since it was bundled")
            diffs.append(show_difference(file.path, there or b"", file.content, str(folder)))
    return Plan(tuple(steps), tuple(refused), "".join(diffs))


def carry_out(plan: Plan, folder: Path) -> None:
    """Write the files of a plan, each atomically; one that is there keeps its rights."""
    assert not plan.refused, "a plan that was refused is carried out"
    for step in plan.steps:
        if step.content is not None:
            target = _find_target(folder, step.path)
            mode = target.stat().st_mode & 0o7777 if target.exists() else None
            write_bytes(target, step.content)
            if mode is not None:
                target.chmod(mode)


def show_difference(path: str, there: bytes, here: bytes, place: str) -> str:
    """(path, bytes in a folder, bytes in the bundle, the folder) -> a unified diff."""
    sides = [each.decode("utf-8", "backslashreplace") for each in (there, here)]
    before, after = (_split(side) for side in sides)
    names = (f"{path} ({place})", f"{path} (bundle)")
    shown = list(difflib.unified_diff(before, after, *names, lineterm=""))
    if not shown:
        return f"{path}: other bytes, equal text\n"
    return "".join(line + "\n" for line in shown)


def _split(text: str) -> list[str]:
    """A text -> its lines; what ends them otherwise than by a newline is shown."""
    lines = text.replace("\r", "\\r").split("\n")
    return lines[:-1] if not lines[-1] else [*lines[:-1], f"{lines[-1]}\\ no newline at the end"]


def _find_target(folder: Path, path: str) -> Path:
    """(folder, path of the table) -> where it lies; InputError where a link leads elsewhere."""
    base = folder.resolve()
    target = (base / path).resolve()
    if not target.is_relative_to(base):
        said = f"{path} would be written to {target}, outside of {folder}, for a link leads there"
        raise InputError(STAGE, f"{said}; cure: name the folder that the link leads to")
    return target


def _read(target: Path) -> bytes | None:
    """A path -> the bytes there; None where nothing is."""
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        said = f"{target} cannot be compared ({error.strerror})"
        raise InputError(STAGE, f"{said}; cure: name another folder, or mend that place") from None


def list_done(steps: Sequence[Step]) -> list[str]:
    """Steps -> a line for each; those that were not edited are counted in one."""
    lines = [f"{step.path}: {step.done}" for step in steps if step.done != "not edited"]
    same = len(steps) - len(lines)
    return [*lines, f"{same} files are not edited"] if same else lines
