"""An entry and a root folder -> the modules that the entry reaches, in reading order."""

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lib.base.errors import InputError
from lib.bundler.find_imports import Findings, Import, find_imports
from lib.bundler.kaggle_packages import KAGGLE_MODULES
from lib.bundler.locate import Locator
from lib.bundler.sources import Source, bundle_error, parse_source, read_bytes

ENTRY = "__main__"


@dataclass(frozen=True)
class Module:
    """One module that the entry reaches."""

    name: str
    path: str  # from the root; "lib/" for a namespace package
    source: Source | None  # None: a namespace package or a compiled module
    findings: Findings
    targets: tuple[tuple[str, Import], ...]  # (module beside the entry, how it is imported)


@dataclass
class Graph:
    """What the entry reaches: modules beside it by name, and imports from elsewhere."""

    modules: dict[str, Module] = field(default_factory=dict)  # imported modules first
    external: list[tuple[str, str, Import]] = field(default_factory=list)  # (top, importer, how)

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


def build_graph(locator: Locator, entry: Source, include: Iterable[str]) -> Graph:
    """Follow the imports of an entry; raise InputError for mistakes in files."""
    builder = _Builder(locator)
    builder.walk(entry, tuple(include))
    return builder.graph


class _Builder:
    def __init__(self, locator: Locator) -> None:
        self.graph = Graph()
        self._locator = locator
        self._sources: dict[str, Source] = {}
        self._entry_path = ""

    def walk(self, entry: Source, include: tuple[str, ...]) -> None:
        """Add modules depth first, an imported one before its importer; without recursion."""
        self._entry_path = entry.path
        self._sources[entry.path] = entry
        findings = find_imports(entry.tree, "", is_entry=True)
        findings.imports += [Import(name, (), 0, "later") for name in include]
        main = self._make_module(ENTRY, entry.path, entry, findings)
        seen = {ENTRY}
        stack: list[tuple[Module, Iterator[str]]] = [(main, iter([t for t, _ in main.targets]))]
        while stack:
            module, targets = stack[-1]
            for target in targets:
                if target not in seen:
                    seen.add(target)
                    below = self._load(target)
                    stack.append((below, iter([t for t, _ in below.targets])))
                    break
            else:
                self.graph.modules[module.name] = module
                stack.pop()

    def _load(self, name: str) -> Module:
        path = self._locator.find_file(name)
        assert path is not None, f"{name} was found before"
        if not path.endswith(".py"):
            return Module(name, path, None, Findings(), ())
        source = self._read(path)
        package = name if source.is_package else name.rpartition(".")[0]
        return self._make_module(name, path, source, find_imports(source.tree, package, False))

    def _read(self, path: str) -> Source:
        if path not in self._sources:
            raw = read_bytes(self._locator.root / path)
            self._sources[path] = parse_source(path, raw, self._locator.show(path))
        return self._sources[path]

    def _make_module(self, name: str, path: str, source: Source, findings: Findings) -> Module:
        found: dict[str, Import] = {}
        parents = name.split(".")[:-1]  # Python imports them first
        for end in range(1, len(parents) + 1):
            found[".".join(parents[:end])] = Import("", (), 1, "load")
        for item in findings.imports:
            for target in self._find_targets(path, name, item):
                found.setdefault(target, item)
        for item in findings.mentions:
            for target in (item.module, f"{item.module}.__main__"):
                if self._locator.find_file(target) is not None:
                    found.setdefault(target, item)
        found.pop(name, None)
        return Module(name, path, source, findings, tuple(found.items()))

    def _find_targets(self, path: str, importer: str, item: Import) -> list[str]:
        """One import -> the modules beside the entry that it loads; others go to `external`."""
        shown = self._locator.show(path)
        if (item.when == "typing" and not item.module) or item.module == "__bundle__":
            return []
        if not item.module:
            cure = "count the dots: each leads one package up"
            raise bundle_error(shown, item.line, "a relative import above its package", cure)
        parts = item.module.split(".")
        top = self._locator.find_file(parts[0])
        if item.when == "typing" or top is None:
            self.graph.external.append((parts[0], importer, item))
            if top is None:
                self._check_known(shown, item, parts[0])
            return []
        names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for number, name in enumerate(names):
            if self._locator.find_file(name) is None:
                if item.when == "load" and not self._may_be_made(names[number - 1]):
                    raise self._missing(shown, item, name)
                return names[:number]
        return names + self._find_submodules(shown, item)

    def _find_submodules(self, shown: str, item: Import) -> list[str]:
        """`from package import a, b` -> the names among them that are modules."""
        found = []
        for name in item.names:
            if name == "*":
                source = self._source_of(item.module)
                listed = _literal_all(source.tree) if source else []
                found += [f"{item.module}.{one}" for one in listed]
                continue
            full = f"{item.module}.{name}"
            if self._locator.find_file(full) is not None:
                found.append(full)
            elif item.when == "load" and not self._may_have(item.module, name):
                raise self._missing(shown, item, full)
        return [name for name in found if self._locator.find_file(name) is not None]

    def _source_of(self, name: str) -> Source | None:
        path = self._locator.find_file(name)
        return self._read(path) if path and path.endswith(".py") else None

    def _may_be_made(self, package: str) -> bool:
        """Tell whether a package's code could itself put submodules into sys.modules."""
        source = self._source_of(package)
        return source is not None and "sys.modules" in source.text

    def _may_have(self, module: str, name: str) -> bool:
        """Tell whether a package may have an attribute; for a plain module run time will tell."""
        path = self._locator.find_file(module) or ""
        if path.endswith("/") and not path.endswith(".py"):
            return False
        source = self._source_of(module)
        return source is None or not source.is_package or _may_bind(source.tree, name)

    def _missing(self, shown: str, item: Import, name: str) -> InputError:
        cure = "add the file, correct the name, or import it under try / except ImportError"
        return bundle_error(shown, item.line, f"there is no module {name}", cure)

    def _check_known(self, shown: str, item: Import, top: str) -> None:
        known = self._locator.is_installed(top) or top in KAGGLE_MODULES
        if item.when == "load" and not known:
            problem = f"no package {top} is beside the entry, installed, or known on Kaggle"
            cure = "install it, or import it under try / except ImportError"
            raise bundle_error(shown, item.line, problem, cure)


def _literal_all(tree: ast.Module) -> list[str]:
    """A module's tree -> the strings of its __all__, as far as they are literals."""
    names: list[str] = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            found = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            names += [one for one in found if isinstance(one, str)]
    return names


def _may_bind(tree: ast.Module, name: str) -> bool:
    """A package's tree and a name -> whether its code may give it that attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            if name in ("*", node.asname or node.name.partition(".")[0]) or node.name == "*":
                return True
        elif isinstance(node, ast.Name):
            if node.id in (name, "globals", "exec", "setattr", "vars", "locals", "__dict__"):
                return True
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name in (name, "__getattr__"):
                return True
        elif isinstance(node, ast.Attribute) and node.attr in ("modules", "__dict__"):
            return True
    return name in ("__file__", "__path__", "__name__", "__doc__", "__spec__", "__all__")
