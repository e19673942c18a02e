"""The folders on sys.path -> the distributions that are installed there, and what they provide."""

import csv
import json
import os
import re
import sys
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path
from typing import Any

_COMPILED = re.compile(r"\.(so|pyd|dylib|dll)(\.\d+)*$")
_TAG = re.compile(r"\.(cpython-[\w-]+|abi3|cp\d+[\w-]*|pypy[\w-]+)$")


class Distribution:
    """One installed distribution, known by its .dist-info or .egg-info folder.

    Read here and not by importlib.metadata, whose answers differ between versions of Python.
    """

    def __init__(self, info: Path) -> None:
        self.info = info
        self.folder = info.parent  # its files lie below: site-packages

    @cached_property
    def metadata(self) -> Message:
        """The headers of METADATA."""
        file = self.info / ("METADATA" if self.info.suffix == ".dist-info" else "PKG-INFO")
        return Parser().parsestr(self.read(file.name), headersonly=True)

    @property
    def name(self) -> str:
        """Its name as its author spells it."""
        return self.metadata["Name"] or _name_of(self.info)

    @property
    def version(self) -> str:
        """Its version, or "unknown"."""
        return self.metadata["Version"] or "unknown"

    @cached_property
    def recorded(self) -> tuple[str, ...]:
        """Paths of all that was installed, from `folder`, sorted; "../" leads out of it."""
        record = self.read("RECORD")
        if record:
            return tuple(sorted({row[0] for row in csv.reader(record.splitlines()) if row}))
        installed = self.read("installed-files.txt").split("\n")
        found = {os.path.normpath(f"{self.info.name}/{line}") for line in installed if line}
        return tuple(sorted(path.replace(os.sep, "/") for path in found or self._walk()))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Paths of what lies in `folder` itself, without compiled bytecode and its own info."""
        return tuple(
            path
            for path in self.recorded
            if not path.startswith(("../", "/", f"{self.info.name}/")) and not path.endswith(".pyc")
        )

    @cached_property
    def modules(self) -> dict[str, str]:
        """Dotted names -> paths, for modules, packages and compiled modules."""
        found: dict[str, str] = {}
        for path in self.files:
            name = name_module(path)
            if name and not (path.endswith(".py") and found.get(name, "").endswith("__init__.py")):
                found[name] = path
        return found

    @property
    def tops(self) -> list[str]:
        """The top-level names that it provides, sorted."""
        return sorted({name.partition(".")[0] for name in self.modules})

    @cached_property
    def origin(self) -> dict[str, Any]:
        """The contents of direct_url.json: empty for one that came from an index."""
        text = self.read("direct_url.json")
        return json.loads(text) if text else {}

    def read(self, name: str) -> str:
        """The text of a file of its info folder; empty where it has none."""
        file = self.info / name if self.info.is_dir() else self.info
        try:
            return file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _walk(self) -> set[str]:
        """What top_level.txt names, for a distribution without a list of files."""
        found = set()
        for top in self.read("top_level.txt").split():
            for file in [self.folder / f"{top}.py", *(self.folder / top).rglob("*")]:
                if file.is_file() and "__pycache__" not in file.parts:
                    found.add(file.relative_to(self.folder).as_posix())
        return found


class Installed:
    """The distributions in some folders; of two with one name, that of the earlier folder."""

    def __init__(self, folders: Sequence[str] | None = None) -> None:
        self._folders = sys.path if folders is None else folders

    @cached_property
    def by_name(self) -> dict[str, Distribution]:
        """Normalized names -> distributions."""
        found: dict[str, Distribution] = {}
        for folder in self._folders:
            for info in _list_infos(Path(folder or ".")):
                found.setdefault(normalize_name(_name_of(info)), Distribution(info))
        return dict(sorted(found.items()))

    def find_providers(self, module: str) -> list[Distribution]:
        """A dotted name -> the distributions that hold it, or else its longest known prefix.

        A folder that many share, such as `google`, is provided by all of them, but only as itself.
        """
        parts = module.split(".")
        several = [one for one in self.by_name.values() if parts[0] in one.tops]
        for end in range(len(parts), 0, -1):
            prefix = ".".join(parts[:end])
            found = [one for one in several if prefix in one.modules]
            if found:
                return found
        return several if len(parts) == 1 else []


def normalize_name(name: str) -> str:
    """Any spelling of a distribution's name -> the one of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_module(path: str) -> str:
    """A file's path -> the dotted name by which Python imports it; empty: it is no module."""
    stem = path.removesuffix(".py")
    if is_compiled(path):
        stem = _TAG.sub("", path.rpartition(".")[0])
    elif stem == path:
        return ""
    name = stem.removesuffix("/__init__").replace("/", ".")
    return name if all(part.isidentifier() for part in name.split(".")) else ""


def is_compiled(path: str) -> bool:
    """Tell whether a path is that of a shared library, which may be a compiled module."""
    return _COMPILED.search(path) is not None


def is_test(path: str) -> bool:
    """Tell whether a path leads through a folder of tests, which no program imports."""
    return not {"test", "tests"}.isdisjoint(path.split("/")[:-1])


def _list_infos(folder: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [folder / name for name in names if name.endswith((".dist-info", ".egg-info"))]


def _name_of(info: Path) -> str:
    return info.stem.partition("-")[0]
