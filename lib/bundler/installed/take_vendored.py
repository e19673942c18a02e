"""Names of distributions -> where their files lie for the locator, and what they bring along."""

import dataclasses
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import dirname

from lib.bundler.analysis.graph import Graph
from lib.bundler.installed.distributions import Installed, is_test
from lib.bundler.installed.vendor import METADATA_READERS, Vendored, find_distribution

NOWHERE = Path(os.devnull)  # what a path below the folder is that no distribution holds


@dataclass(frozen=True)
class Taken:
    """The distributions that a bundle takes in, in one folder of it."""

    distributions: tuple[Vendored, ...] = ()
    prefix: str = "vendor"

    @cached_property
    def overlay(self) -> dict[str, Path]:
        """Paths in the bundle -> where these files, and the folders above them, lie on disk.

        A module of the standard library's name is left out: the library's own would be imported.
        """
        found: dict[str, Path] = {}
        for one in self.distributions:
            for path in (*one.files, *one.notices):
                top = path.partition("/")[0].partition(".")[0]
                while path and top not in sys.stdlib_module_names:
                    found.setdefault(f"{self.prefix}/{path}", one.folder / path)
                    path = dirname(path)
        return found

    @property
    def compiled(self) -> tuple[str, ...]:
        """Paths in the bundle of compiled modules, which it never holds."""
        return tuple(f"{self.prefix}/{p}" for one in self.distributions for p in one.compiled)

    @property
    def notices(self) -> dict[str, str]:
        """Paths in the bundle of metadata and licence texts -> the option that brings them."""
        return {
            f"{self.prefix}/{path}": f"--vendor {one.name}"
            for one in self.distributions
            for path in one.notices
        }

    def list_hidden(self, graph: Graph) -> list[str]:
        """Modules that no import leads to, though they were asked for.

        They are all those of a distribution that nothing imports, and what is found by entry
        points where a module reads these.
        """
        named: list[str] = []
        reads = any(
            {how.module, *(f"{how.module}.{name}" for name in how.names)} & METADATA_READERS
            for module in graph.modules.values()
            for how in module.findings.imports
        )
        for one in self.distributions:
            own = [name for name, path in one.modules.items() if path not in one.compiled]
            if not graph.modules.keys() & set(own):
                named += [name for name in own if not is_test(one.modules[name])]
            if reads:
                named += [name for name in one.plugins if not is_test(one.modules.get(name, ""))]
        return [name for name in dict.fromkeys(named) if name not in graph.modules]

    def describe(self) -> str:
        """Lines for a bundle's head; empty where nothing is taken in."""
        head = f"# Taken in as it was installed, each with its licence's text, in {self.prefix}/:"
        rows = [f"#   {one}" for one in self.distributions]
        return "\n".join([head, *rows]) if rows else ""


def take_distributions(names: Iterable[str], root: Path) -> Taken:
    """(names for --vendor, the program's root) -> Taken; InputError for one that cannot be."""
    prefix = "vendor"
    while (root / prefix).exists():
        prefix += "_"
    installed = Installed()
    found = {one.name: one for one in (find_distribution(name, installed) for name in names)}
    taken = (dataclasses.replace(found[name], prefix=prefix) for name in sorted(found))
    return Taken(tuple(taken), prefix)
