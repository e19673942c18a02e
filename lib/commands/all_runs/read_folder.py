"""A folder of a run's output -> what its files say, each value checked, or why it is no run."""

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.base.run_files import MANIFEST, METRICS, REPORT
from lib.commands.all_runs.row import show_line
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.folders import IDENTITY_FILE
from lib.kernel.report.verdict import Verdict

_MOST_BYTES = 8 << 20  # of a JSON file
_HEAD = 4096  # of a report, enough for its title
_TITLE = re.compile(r"<title>[^<]*\brecipe ([\w-]+)(?:, seed \d+)?</title>")  # ours, old and new


class NoRunError(Exception):
    """A folder's files are not those of a run that can be shown; the text says why."""


@dataclass(frozen=True)
class FolderFacts:
    """What the files of a run say."""

    metrics: Mapping[str, Any]
    manifest: Mapping[str, Any]  # or identity.json of a run that has not ended
    is_complete: bool
    when: str  # ISO 8601, UTC: when the last of these files was written

    @property
    def config(self) -> dict[str, Any] | None:
        """The configuration with today's names."""
        return read_config(self.manifest.get("config"))

    @property
    def minutes(self) -> float | None:
        """Minutes of all stages together."""
        seconds = self.metrics.get("seconds")
        if not isinstance(seconds, dict):
            return None
        numbers = [number for value in seconds.values() if (number := read_number(value))]
        return sum(numbers) / 60

    @property
    def verdict(self) -> Verdict | None:
        """What the report says of submitting; None in files of older versions."""
        found = self.metrics.get("verdict")
        if not isinstance(found, dict) or not isinstance(found.get("answer"), str):
            return None
        reasons = found.get("reasons")
        texts = [str(text) for text in reasons] if isinstance(reasons, list) else []
        return Verdict(found["answer"], str(found.get("words") or ""), tuple(texts))

    def find(self, key: str) -> Any:
        """A key -> its value in metrics, manifest or configuration; None where all lack it."""
        for values in (self.metrics, self.manifest, self.config or {}):
            if values.get(key) not in (None, ""):
                return values[key]
        return None


def read_folder(folder: Path) -> FolderFacts:
    """Read metrics.json and run_manifest.json, or of an unfinished run what it left so far.

    Raise NoRunError for damaged or foreign files.
    """
    metrics_path, report = folder / METRICS, folder / REPORT
    metrics = read_plain_object(metrics_path)
    if metrics is None:
        return _read_unfinished(folder, report)
    manifest = read_plain_object(folder / MANIFEST) or {}
    if not ("fid" in metrics and "floor" in metrics) and "config" not in manifest:
        raise NoRunError(f"{METRICS} is not of a run made here")
    return FolderFacts(metrics, manifest, True, _read_time(metrics_path))


def _read_unfinished(folder: Path, report: Path) -> FolderFacts:
    """A folder with a report and no metrics -> what the run's identity and its title say."""
    head = (read_plain(report, _HEAD, cut=True) or b"").decode("utf-8", "replace")
    identity = read_plain_object(folder.with_name(f"{folder.name}.scratch") / IDENTITY_FILE)
    title = _TITLE.search(head)
    if not title:
        raise NoRunError(f"{REPORT} is not of a run made here")
    return FolderFacts({"recipe": title[1]}, identity or {}, False, _read_time(report))


def read_plain_object(path: Path) -> dict[str, Any] | None:
    """A JSON file -> its object; None where there is none; NoRunError where it is damaged."""
    content = read_plain(path, _MOST_BYTES)
    if content is None:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise NoRunError(f"{path.name} is damaged: it is no JSON") from None
    if not isinstance(value, dict):
        raise NoRunError(f"{path.name} is damaged: it is no JSON object")
    return value


def read_plain(path: Path, most: int, cut: bool = False) -> bytes | None:
    """A file, the most bytes to read -> its content, or with `cut` its beginning; None: no file.

    Raise NoRunError for links, pipes and other odd things, for larger files, and where reading
    fails.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise NoRunError(f"{path.name} is a link, which is not followed")
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NoRunError(f"{path.name} is no plain file")
            content = file.read(most + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoRunError(f"{path.name}: {reason}") from None
    if len(content) > most and not cut:
        raise NoRunError(f"{path.name} is larger than {most >> 20} MB")
    return content[:most]


def read_config(value: Any) -> dict[str, Any] | None:
    """A value of any JSON -> the configuration with today's names, or None where it is none."""
    if not isinstance(value, dict):
        return None
    given = value.get("given")
    is_sound = isinstance(given, list) and all(isinstance(name, str) for name in given)
    return modernise_config(
        {key: each for key, each in value.items() if key != "given" or is_sound}
    )


def read_number(value: Any) -> float | None:
    """A value of any JSON -> the number, or None where it is no finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_whole(value: Any) -> int | None:
    """A value of any JSON -> the whole number, or None where it is none."""
    number = read_number(value)
    return int(number) if number is not None and number == int(number) else None


def read_text(value: Any) -> str | None:
    """A value of any JSON -> the text in one line, or None where it is none or empty."""
    return show_line(value)[:200] if isinstance(value, str) and value else None


def _read_time(path: Path) -> str:
    try:
        seconds = path.stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        return ""
