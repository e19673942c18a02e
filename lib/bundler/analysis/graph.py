"""What an entry reaches: modules with the imports that lead to them, and what leads nowhere."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lib.base.errors import InputError
from lib.bundler.analysis.findings import Findings, Import
from lib.bundler.differences import Difference
from lib.bundler.sources import Source

ENTRY = "__main__"


@dataclass(frozen=True)
class Module:
    """One module that the entry reaches."""

    name: str  # a file that no dotted name leads to has its path for a name
    path: str  # from the root; "lib/" for a namespace package
    source: Source | None  # None: a namespace package or a compiled module
    findings: Findings
    targets: tuple[tuple[str, Import], ...]  # (module beside the entry, how it is imported)


@dataclass(frozen=True)
class Problem:
    """An import that leads nowhere: an error where it always runs, else what may differ."""

    importer: str
    when: str
    error: InputError
    difference: Difference | None  # None: the program itself would fail there in the same way
    top: str = ""  # of a package that is not there


@dataclass
class Graph:
    """What the entry reaches: modules beside it by name, and imports from elsewhere."""

    modules: dict[str, Module] = field(default_factory=dict)  # imported modules first
    external: list[tuple[str, str, Import]] = field(default_factory=list)  # (top, importer, how)
    problems: list[Problem] = field(default_factory=list)

    def chain_to(self, name: str) -> list[tuple[str, int, str]] | None:
        """A module's name -> the shortest chain to it, as (importer, line, imported) steps."""
        before: dict[str, tuple[str, int]] = {}
        queue = deque([ENTRY])
        while queue:
            here = queue.popleft()
            for target, how in self.modules[here].targets if here in self.modules else ():
                if target not in before and target != ENTRY:
                    before[target] = (here, how.line)
                    queue.append(target)
        if name not in before:
            return None
        steps: list[tuple[str, int, str]] = []
        while name != ENTRY:
            importer, line = before[name]
            steps.append((importer, line, name))
            name = importer
        return steps[::-1]

    def list_certain(self) -> set[str]:
        """Names of the modules that every run imports; to the others a doubtful import leads."""
        certain, queue = {ENTRY}, deque([ENTRY])
        while queue:
            for target, how in self.modules[queue.popleft()].targets:
                if how.when == "load" and target not in certain and target in self.modules:
                    certain.add(target)
                    queue.append(target)
        return certain

    def list_guarded(self) -> set[str]:
        """Names of the modules whose imports may fail: each chain to them has one that is tried."""
        free, queue = {ENTRY}, deque([ENTRY])
        while queue:
            for target, how in self.modules[queue.popleft()].targets:
                if how.when != "optional" and target not in free and target in self.modules:
                    free.add(target)
                    queue.append(target)
        return self.modules.keys() - free

    def list_tried(self) -> set[str]:
        """Top-level names that the program knows may be absent: it tries to import them."""
        return {
            item.module.partition(".")[0]
            for module in self.modules.values()
            for item in module.findings.imports
            if item.when == "optional"
        }


@dataclass(frozen=True)
class Selection:
    """What is asked for besides what the imports lead to."""

    include: tuple[str, ...] = ()  # names of modules
    files: tuple[str, ...] = ()  # paths of Python files that no import names
    exclude: tuple[str, ...] = ()  # globs of names or paths
    external: tuple[str, ...] = ()  # names that stay outside


def matches_any(patterns: Iterable[str], name: str, path: str) -> bool:
    """Tell whether a glob matches a module's dotted name, or a file's path or one above it."""
    for pattern in patterns:
        plain = pattern.removeprefix("./").rstrip("/")
        folders = [path, *(path[: at.start()] for at in re.finditer("/", path))]
        if fnmatchcase(name, plain) or name.startswith(f"{plain}."):
            return True
        if any(fnmatchcase(one, plain) for one in folders):
            return True
    return False
