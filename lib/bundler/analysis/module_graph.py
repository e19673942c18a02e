"""An entry and the folders of its packages -> the modules that it reaches, in reading order."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname

from lib.base.errors import InputError
from lib.bundler.analysis.bindings import list_bound, literal_all
from lib.bundler.analysis.explain_missing import explain_missing_module, explain_missing_package
from lib.bundler.analysis.find_imports import find_imports
from lib.bundler.analysis.findings import Findings, Import, Mention
from lib.bundler.analysis.graph import ENTRY, Graph, Module, Problem, Selection, matches_any
from lib.bundler.analysis.kaggle_packages import name_origin
from lib.bundler.analysis.locate import Locator
from lib.bundler.differences import Difference
from lib.bundler.sources import Source, bundle_error, parse_source, read_bytes, show_broken


class GraphBuilder:
    """Follows imports from an entry; what it has read once it does not read again."""

    def __init__(self, locator: Locator, entry: Source, module: str = "") -> None:
        """`module` is the entry's dotted name where it runs as `python -m` does."""
        self._locator = locator
        self._entry = entry
        self._own_name = module
        self._sources: dict[str, Source] = {entry.path: entry}
        self._findings: dict[str, Findings] = {}
        self._bound: dict[str, frozenset[str] | None] = {}  # path -> names that it may bind
        self._resolved: set[str] = set()  # modules in which a computed name could be followed
        self.graph = Graph()
        self.is_named_by_data = False  # whether data files name modules
        self.broken: dict[str, InputError] = {}  # path -> what is wrong with its text
        locator.read_extends = self._read_extends
        self._chosen = Selection()

    def build(self, chosen: Selection) -> Graph:
        """Add modules depth first, an imported one before its importer; without recursion."""
        self.graph, self._chosen = Graph(), chosen
        self._resolved.clear()
        paths = [path for path in chosen.files if path != self._entry.path]
        extra = [Import(name, (), 0, "later") for name in chosen.include]
        main = self._make_module(ENTRY, self._entry.path, self._entry, extra, paths)
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
        return self.graph

    def find_mentioned(self, mention: Mention) -> list[str]:
        """A text such as "pkg.mod.Class" -> the modules that it names; none where it names none."""
        parts = re.split(r"[.:]", mention.name)
        if any(not part for part in parts) or (len(parts) == 1 and not mention.alone):
            return []
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            found = self._locator.find(name)
            if found is None:
                continue
            if end < len(parts) and not self._binds(name, parts[end]):
                return []
            main = f"{name}.__main__" if end == len(parts) and found.folders else ""
            return [name, main] if main and self._locator.find(main) else [name]
        return []

    def list_unfollowed(self) -> list[tuple[str, int]]:
        """(path, line) of every computed import of which neither code nor data tells anything."""
        found = []
        importers = self._list_importers()
        for module in self.graph.modules.values():
            near = {module.name, *importers.get(module.name, ()), *(t for t, _ in module.targets)}
            known = self._resolved & near
            for line, is_from_outside in module.findings.unfollowed:
                starts = module.findings.starts
                has_family = any(self._locator.list_family(one.pattern) for one in starts)
                if has_family or ((known or self.is_named_by_data) and not is_from_outside):
                    continue
                found.append((module.path, line))
        return found

    def _list_importers(self) -> Mapping[str, set[str]]:
        importers: dict[str, set[str]] = {}
        for module in self.graph.modules.values():
            for target, _ in module.targets:
                importers.setdefault(target, set()).add(module.name)
        return importers

    def _load(self, name: str) -> Module:
        found = self._locator.find(name)
        path = found.path if found else name.removeprefix("./")
        if not path.endswith(".py"):
            return Module(name, path, None, Findings(), ())
        source = self._read(path)
        others = [other for other in (found.others if found else ()) if other != path]
        return self._make_module(name, path, source, [], others)

    def _read(self, path: str) -> Source:
        if path not in self._sources:
            raw = read_bytes(self._locator.real(path))
            try:
                self._sources[path] = parse_source(path, raw, self._locator.show(path))
            except InputError as error:
                self._sources[path] = show_broken(path, raw, str(error))
                self.broken[path] = error
        return self._sources[path]

    def _find(self, source: Source, name: str) -> Findings:
        if source.path not in self._findings:
            dotted = self._own_name if name == ENTRY else name
            package = dotted if source.is_package else dotted.rpartition(".")[0]
            package = "" if "/" in dotted else package
            self._findings[source.path] = find_imports(
                source.tree, package, name == ENTRY, source.path, source.text
            )
        return self._findings[source.path]

    def _read_extends(self, path: str) -> list[str]:
        """A package's __init__.py -> folders that it adds to its __path__ itself."""
        source = self._read(path)
        if "__path__" not in source.text:
            return []
        name = dirname(path).replace("/", ".")
        return [use.path for use in self._find(source, name).extends if use.path != dirname(path)]

    def _make_module(
        self, name: str, path: str, source: Source, extra: list[Import], files: list[str]
    ) -> Module:
        findings = self._find(source, name)
        found: dict[str, Import] = {}
        dotted = self._own_name if name == ENTRY else name
        # Python imports them first.
        parents = [] if "/" in dotted else dotted.split(".")[:-1]
        for end in range(1, len(parents) + 1):
            found[".".join(parents[:end])] = Import("", (), 1, "load")
        for item in (*findings.imports, *extra):
            for target in self._find_targets(path, name, item):
                if target not in found or (found[target].when != "load" and item.when == "load"):
                    found[target] = item  # the first, or a later one that always runs
        for target, line in self._find_named(name, findings):
            found.setdefault(target, Import(target, (), line, "later"))
        for file in files:
            found.setdefault(self._name_file(file), Import(file, (), 0, "later"))
        own = {name, self._own_name} if name == ENTRY else {name}
        kept = {
            target: how
            for target, how in found.items()
            if target not in own and not self._is_left_out(target)
        }
        return Module(name, path, source, findings, tuple(kept.items()))

    def _name_file(self, path: str) -> str:
        """A file's path -> the name of its module, or the path itself where no name leads to it."""
        for folder in self._locator.search:
            inner = path.removeprefix(f"{folder}/") if folder else path
            name = inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if (found := self._locator.find(name)) and found.path == path:
                return name
        return path if "/" in path else f"./{path}"

    def _is_left_out(self, name: str) -> bool:
        found = self._locator.find(name)
        path = found.path if found else name.removeprefix("./")
        return any(name == one or name.startswith(f"{one}.") for one in self._chosen.external) or (
            matches_any(self._chosen.exclude, name, path)
        )

    def _find_named(self, name: str, findings: Findings) -> list[tuple[str, int]]:
        """Modules that are named by texts, or taken as a whole with their package."""
        named = [(one, m.line) for m in findings.mentions for one in self.find_mentioned(m)]
        families = list(findings.families)
        if findings.unfollowed or any(self._imports_by_name(one) for one in findings.imports):
            words = [(one, m.line) for m in findings.words for one in self.find_mentioned(m)]
            named += words
            if self._scans_what_is_named(findings):
                named += [
                    (inner, line)
                    for one, line in words
                    for inner in self._locator.list_package(one)
                ]
            families += findings.starts
            elsewhere = {m.name.split(".")[0] for m in (*findings.words, *findings.mentions)}
            if any(self._locator.is_installed(top) for top in elsewhere):
                self._resolved.add(name)
        named += [
            (one, family.line)
            for family in families
            for one in self._locator.list_family(family.pattern)
        ]
        if named:
            self._resolved.add(name)
        return named

    def _scans_what_is_named(self, findings: Findings) -> bool:
        """Tell whether a module, or one that it imports, lists a package that it is handed."""
        if findings.scans_what_is_named:
            return True
        names = [item.module for item in findings.imports]
        names += [f"{item.module}.{one}" for item in findings.imports for one in item.names]
        sources = [(name, self._source_of(name)) for name in names]
        return any(self._find(one, name).scans_what_is_named for name, one in sources if one)

    def _imports_by_name(self, item: Import) -> bool:
        """Tell whether an import leads to a module that imports computed names."""
        if not self._locator.find(item.module):
            return False
        names = [item.module, *(f"{item.module}.{one}" for one in item.names)]
        sources = [self._source_of(name) for name in names]
        words = ("import_module(", "__import__(", "resolve_name(")
        return any(source and any(word in source.text for word in words) for source in sources)

    def _find_targets(self, path: str, importer: str, item: Import) -> list[str]:
        """One import -> the modules beside the entry that it loads; others go to `external`."""
        if (item.when == "typing" and not item.module) or item.module == "__bundle__":
            return []
        if not item.module:
            cure = "count the dots: each leads one package up"
            if importer == ENTRY:
                cure = "bundle it as python -m runs it: build.py bundle -m PACKAGE -o OUT.py"
            error = self._error(path, item, "a relative import above its package", cure)
            self._add_problem(importer, item, error, None)
            return []
        parts = item.module.split(".")
        top = self._locator.find(parts[0])
        if top is None and item.when != "typing" and self._add_source_folder(parts[0]):
            top = self._locator.find(parts[0])
        if item.when == "typing" or top is None or parts[0] in self._chosen.external:
            self.graph.external.append((parts[0], importer, item))
            if top is None and item.when != "typing":
                self._check_known(path, importer, item, parts[0])
            return []
        names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for number, name in enumerate(names):
            if self._locator.find(name) is None:
                if self._is_shared(names[number - 1]):
                    self.graph.external.append((parts[0], importer, item))
                elif not self._may_be_made(names[number - 1]):
                    self._add_missing(path, importer, item, name)
                return names[:number]
        return self._drop_excluded(
            path, importer, item, names + self._find_submodules(path, importer, item)
        )

    def _drop_excluded(self, path: str, importer: str, item: Import, names: list[str]) -> list[str]:
        """Names -> those that are not left out; where the program needs one, that is told."""
        left_out = [name for name in names if self._is_left_out(name)]
        if left_out and item.when == "load":
            what = f"imports {left_out[-1]}, which is excluded: the bundle fails there"
            cure = "import it under try / except ImportError, or do not exclude it"
            difference = Difference(path, item.line, what, cure)
            error = self._error(path, item, what, cure)
            self.graph.problems.append(Problem(importer, "later", error, difference))
        return [name for name in names if name not in left_out]

    def _find_submodules(self, path: str, importer: str, item: Import) -> list[str]:
        """`from package import a, b` -> the names among them that are modules."""
        found = []
        for name in item.names:
            if name == "*":
                source = self._source_of(item.module)
                listed = literal_all(source.tree) if source else []
                found += [f"{item.module}.{one}" for one in listed]
                continue
            full = f"{item.module}.{name}"
            if self._locator.find(full) is not None:
                found.append(full)
            elif not self._may_have(item.module, name):
                self._add_missing(path, importer, item, full)
        return [name for name in found if self._locator.find(name) is not None]

    def _is_shared(self, package: str) -> bool:
        """Tell whether other distributions may hold a part of a namespace package too."""
        found = self._locator.find(package)
        return found is not None and found.path.rstrip("/") in self._locator.overlay

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
        if path.endswith("/"):
            return False
        source = self._source_of(module)
        return source is None or not source.is_package or self._binds(module, name)

    def _binds(self, module: str, name: str) -> bool:
        source = self._source_of(module)
        if source is not None and source.path not in self._bound:
            self._bound[source.path] = list_bound(source.tree)
        bound = self._bound[source.path] if source is not None else frozenset()
        return bound is None or name in bound

    def _error(self, path: str, item: Import, problem: str, cure: str) -> InputError:
        return bundle_error(self._locator.show(path), item.line, problem, cure)

    def _add_problem(
        self, importer: str, item: Import, error: InputError, difference: Difference | None
    ) -> None:
        if item.when in ("load", "maybe", "later"):
            self.graph.problems.append(Problem(importer, item.when, error, difference))

    def _add_missing(self, path: str, importer: str, item: Import, name: str) -> None:
        problem, cure = explain_missing_module(self._locator, name)
        self._add_problem(importer, item, self._error(path, item, problem, cure), None)

    def _check_known(self, path: str, importer: str, item: Import, top: str) -> None:
        is_left_out = top in self._chosen.external or matches_any(self._chosen.exclude, top, top)
        if is_left_out or self._locator.is_installed(top):
            return
        if name_origin(top) == "not known on Kaggle":
            problem, cure = explain_missing_package(self._locator, top)
            difference = Difference(path, item.line, problem, cure)
            error = self._error(path, item, problem, cure)
            self.graph.problems.append(Problem(importer, item.when, error, difference, top))

    def _add_source_folder(self, top: str) -> bool:
        """A package of the same project, installed in editable form -> whether it was added."""
        folder = self._locator.find_source_folder(top)
        root = self._locator.root.resolve()
        if folder is None or top in self._chosen.external:
            return False
        near = [root, *root.parents[:2]]
        is_near = any(one in (folder, *folder.parents) for one in near if one != Path.home())
        if not is_near or len(near[-1].parts) < 2:
            return False
        name = folder.name
        while (self._locator.root / name).exists() and (self._locator.root / name) != folder:
            name += "_"
        self._locator.mounts[name] = folder
        self._locator.search.append(name)
        self._locator.exported.append(name)
        self._locator.forget()
        return True
