"""A folder with kernel-metadata.json -> the settings in its pyproject.toml that the loop heeds."""

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.places import check_input_file
from lib.base.run_files import SUBMISSION
from lib.kaggle.metadata_fields import FILE_NAME

TABLE = "tool.kernelpress"
_PYPROJECT = "pyproject.toml"
_BEST = ("low", "high")


@dataclass(frozen=True)
class Project:
    """The settings of one project; each is "" or empty where the table lacks it."""

    root: Path  # the folder of kernel-metadata.json
    competition: str = ""  # whose slug; "": the one that kernel-metadata.json attaches
    check: str = ""  # "module:function", called with the path of the file to submit
    columns: tuple[str, ...] = ()  # keys of metrics.json that `runs` shows
    submission: str = SUBMISSION  # the output that is submitted
    best: str = ""  # "low" or "high": which scores come first; "": the latest run does
    settle_seconds: float | None = None  # how long a late effect is looked for; None: as usual


def find_root(entry: Path) -> Path:
    """A program's path -> the nearest folder above it that holds kernel-metadata.json."""
    cure = "name the script, or the notebook, that starts the program"
    check_input_file("project", entry, cure)
    for folder in Path(os.path.abspath(entry)).parents:  # "..", and no link, is followed
        if (folder / FILE_NAME).is_file():
            return folder
    raise InputError(
        "project",
        f"no folder above the entry holds {FILE_NAME}",
        got=str(entry),
        cure="python build.py new NAME --kind script writes one, kaggle kernels init as well",
    )


def read_project(root: Path) -> Project:
    """Read [tool.kernelpress]; without the file or the table every setting is the usual one."""
    try:
        text = (root / _PYPROJECT).read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        return Project(root)
    except (OSError, ValueError, RecursionError) as error:  # the last one: nested a thousand deep
        raise InputError(
            "project",
            f"{_PYPROJECT} cannot be read",
            expected="a TOML file in UTF-8",
            got=str(error),
            cure=f"mend {_PYPROJECT}",
        ) from None
    tool = document.get("tool", {})
    table = tool.get("kernelpress", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise _complain("", "a table", table)
    for key in table:
        if key not in _READERS:
            raise InputError(
                "project",
                f"[{TABLE}] of {_PYPROJECT} has an unknown key",
                got=repr(key),
                cure=nearest_name(key, _READERS),
            )
    return Project(root, **{key: _READERS[key](key, value) for key, value in table.items()})


def read_slug(key: str, value: Any) -> str:
    """(where it stands, a value) -> the competition's slug, without a prefix "c/"."""
    slug = value.removeprefix("competitions/").removeprefix("c/") if isinstance(value, str) else ""
    if not slug or not all(sign.isalnum() or sign in "-_" for sign in slug) or not slug.isascii():
        raise _complain(key, 'a competition\'s slug such as "titanic"', value)
    return slug


def read_check(key: str, value: Any) -> str:
    """(where it stands, a value) -> the "module:function"."""
    module, found, function = value.partition(":") if isinstance(value, str) else ("", "", "")
    names = [*module.split("."), *function.split(".")]
    if not found or not all(name.isidentifier() for name in names):
        raise _complain(key, 'a text "module:function"', value)
    return f"{module}:{function}"


def _read_columns(key: str, value: Any) -> tuple[str, ...]:
    sound = isinstance(value, list) and all(
        isinstance(name, str) and name and name.isprintable() for name in value
    )
    if not sound or len(set(value)) < len(value):
        raise _complain(key, "a list of different keys of metrics.json", value)
    return tuple(value)


def _read_submission(key: str, value: Any) -> str:
    is_text = isinstance(value, str) and value.isprintable()
    steps = value.split("/") if is_text else [""]
    if any(step in ("", ".", "..") for step in steps) or "\\" in value:
        raise _complain(key, 'the name of an output such as "submission.csv"', value)
    return str(value)


def _read_best(key: str, value: Any) -> str:
    if value not in _BEST:
        raise _complain(key, '"low" or "high"', value)
    return str(value)


def _read_seconds(key: str, value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 3600:
        raise _complain(key, "a number from 0 to 3600", value)
    return float(value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "competition": read_slug,
    "check": read_check,
    "columns": _read_columns,
    "submission": _read_submission,
    "best": _read_best,
    "settle_seconds": _read_seconds,
}


def _complain(key: str, expected: str, got: Any) -> InputError:
    """(a key, the expected value, the value there) -> the error to raise."""
    if key.startswith("--"):
        return InputError("project", key, expected=expected, got=repr(got), cure="mend the option")
    return InputError(
        "project",
        f"{key or 'kernelpress'} in [{TABLE if key else 'tool'}] of {_PYPROJECT}",
        expected=expected,
        got=repr(got),
        cure=f"mend {_PYPROJECT}",
    )
