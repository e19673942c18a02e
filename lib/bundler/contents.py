"""An Entry -> what its bundle holds, what it needs to run, and what it will do otherwise."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath

from lib.base.errors import InputError
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.bundler.analysis.data_files import FileCollector, Files, list_ups
from lib.bundler.analysis.find_imports import find_imports
from lib.bundler.analysis.findings import FileUse
from lib.bundler.analysis.graph import ENTRY, Graph, Selection
from lib.bundler.analysis.kaggle_packages import name_origin
from lib.bundler.analysis.locate import Locator
from lib.bundler.analysis.module_graph import GraphBuilder
from lib.bundler.differences import Difference
from lib.bundler.entry import Entry
from lib.bundler.installed.compiled_parts import judge_compiled
from lib.bundler.installed.take_vendored import NOWHERE, Taken, take_distributions
from lib.bundler.sources import Source, parse_source, read_bytes

_ROUNDS = 20  # of following what was found; each finds more, or ends it
_MOST_UP = 3  # folders above the entry's own in which its packages may lie


@dataclass(frozen=True)
class Contents:
    """What an entry reaches. Paths count from the root of `entry`."""

    entry: Entry  # whose root may lie higher than it was given
    graph: Graph
    locator: Locator
    data: tuple[str, ...]  # files that are no modules and must be found on disk
    passive: tuple[str, ...]  # files for which nothing need be unpacked
    cwd: tuple[str, ...]  # of these, the ones that are laid into the working folder
    disk: str  # why the files must be unpacked; empty: they need not be
    search: tuple[str, ...]  # folders on sys.path, the entry's own the first
    late_search: tuple[str, ...]
    differences: tuple[Difference, ...]
    taken: Taken  # distributions from elsewhere
    reasons: Mapping[str, str]  # paths of files that are no modules -> why they are taken

    def list_sources(self) -> list[Source]:
        """List the Python files, imported ones first, the entry the last.

        A file may be two modules: `import pack.__init__`, or an entry that imports itself.
        """
        modules = self.graph.modules.values()
        *others, main = [one.source for one in modules if one.source is not None]
        return [*{one.path: one for one in others if one.path != main.path}.values(), main]


def find_contents(entry: Entry) -> Contents:
    """Find the modules that an Entry reaches and the files that these read."""
    raw = entry.text if isinstance(entry.text, bytes) else entry.text.encode()
    entry = _widen(entry, raw)
    home = "" if entry.module else dirname(entry.name)
    taken = take_distributions(entry.vendor, entry.root)
    locator = _make_locator(entry, home, taken)
    main = parse_source(entry.name, raw, locator.show(entry.name))
    builder = GraphBuilder(locator, main, _name_entry(entry))
    chosen, included = _match_globs(locator, home, entry)
    excluded = (*entry.exclude, *taken.compiled, *taken.notices)
    collector = FileCollector(locator, home, excluded, entry.leave_out)
    for _ in range(_ROUNDS):
        graph = builder.build(chosen)
        if _add_folders(locator, graph, home):
            continue
        files = collector.collect(graph, entry.cwd)
        files.data = {**dict.fromkeys(included, "is asked for"), **files.data}
        more = _list_more(builder, collector, files, chosen, taken)
        if not more.include and not more.files:
            break
        chosen = dataclasses.replace(
            chosen, include=chosen.include + more.include, files=chosen.files + more.files
        )
    told = judge_compiled(taken.distributions, graph.modules)
    _raise_first(graph, builder)
    disk = _find_disk_reason(entry, graph, files, chosen, taken.overlay)
    files.differences += collector.tell_writes(graph) if disk else []
    told += [one for one in files.differences if one.path not in taken.overlay]
    told += _tell_imports(builder, locator, entry)
    held = files.data.keys() | {one.path for one in graph.modules.values()}
    passive = sorted({*files.cwd, *taken.notices} - held)
    return Contents(
        *(entry, graph, locator, tuple(sorted(files.data)), tuple(passive), tuple(files.cwd), disk),
        *(tuple(locator.exported), (), tuple(dict.fromkeys(told))),
        taken,
        {**dict.fromkeys(files.cwd, "--cwd"), **taken.notices, **files.data},
    )


def _make_locator(entry: Entry, home: str, taken: Taken) -> Locator:
    """Look beside the entry, then in --path, then among what is taken in with --vendor."""
    folders = dict.fromkeys([home, *entry.paths, *([taken.prefix] if entry.vendor else [])])
    mounts = dict(entry.mounts) | ({taken.prefix: NOWHERE} if entry.vendor else {})
    return Locator(entry.root, folders, (), mounts, taken.overlay)


def _name_entry(entry: Entry) -> str:
    """An Entry -> its dotted name where it runs as `python -m` does, else nothing."""
    is_main = entry.name.endswith("/__main__.py") and not entry.module.endswith("__main__")
    return f"{entry.module}.__main__" if entry.module and is_main else entry.module


def _widen(entry: Entry, raw: bytes) -> Entry:
    """Count paths from a higher folder where the entry itself names files or packages there."""
    main = parse_source(entry.name, raw, entry.name)
    found = find_imports(main.tree, "", True, entry.name, main.text)
    home = dirname(entry.name)
    uses = [dataclasses.replace(use, path=_from_root(use, home)) for use in found.search]
    ups = list_ups([*found.files, *uses], Locator(entry.root))
    root = entry.root.resolve()
    for _ in range(min(ups, _MOST_UP)):
        if root.parent in (Path(root.anchor), Path.home()) or root in (root.parent, Path.home()):
            break
        root = root.parent
    if ups == 0 or root == entry.root.resolve():
        return entry
    inner = entry.root.resolve().relative_to(root).as_posix()
    return dataclasses.replace(
        entry,
        root=root,
        name=join(inner, entry.name),
        paths=tuple(
            path if path in dict(entry.mounts) else join(inner, path) for path in entry.paths
        ),
    )


def _from_root(use: FileUse, home: str) -> str:
    """A folder for packages, from the root; a literal one counts from the working folder."""
    path = normpath(use.path if use.kind in ("search", "extend") else join(home, use.path or "."))
    return "" if path == "." else path


def _add_folders(locator: Locator, graph: Graph, home: str) -> bool:
    """Look in the folders that modules put on sys.path too; tell whether there is a new one."""
    added = False
    for module in graph.modules.values():
        for use in module.findings.search:
            for path in locator.match_folders(_from_root(use, home)):
                if path in (*locator.search, *locator.late):
                    continue
                if use.late:
                    locator.late.append(path)
                else:
                    locator.search.insert(0, path)
                added = True
    if added:
        locator.forget()
    return added


def _match_globs(locator: Locator, home: str, entry: Entry) -> tuple[Selection, list[str]]:
    """--include globs -> (modules and Python files, data files); each must match something."""
    names: list[str] = []
    files: list[str] = []
    for pattern in entry.include:
        modules = [] if "/" in pattern else locator.match_modules(pattern)
        path = normpath(join(home, pattern))
        found = [] if modules else locator.match_files(path)
        if not modules and not found and locator.real(path).is_dir():
            found = locator.match_files("**/*", path)
        if not modules and not found:
            cure = "write dotted module names such as lib.plugins.*, or a path from the entry"
            raise InputError("bundle", f"--include {pattern} matches nothing; cure: {cure}")
        names += modules
        files += found
    python = tuple(path for path in files if path.endswith(".py"))
    chosen = Selection(tuple(names), python, entry.exclude, entry.external)
    return chosen, [path for path in files if not path.endswith(".py")]


def _list_more(
    builder: GraphBuilder,
    collector: FileCollector,
    files: Files,
    chosen: Selection,
    taken: Taken,
) -> Selection:
    """What the files found lead to in their turn."""
    known = {module.path for module in builder.graph.modules.values()}
    python = [*files.python, *(path for path in files.cwd if path.endswith(".py"))]
    more = [
        path for path in dict.fromkeys(python) if path not in known and path not in chosen.files
    ]
    mentions = collector.list_mentions([*files.data, *files.cwd])
    builder.is_named_by_data = any(builder.find_mentioned(one) for one in mentions)
    named = taken.list_hidden(builder.graph)
    named += [name for one in mentions for name in builder.find_mentioned(one)]
    new = [
        name
        for name in dict.fromkeys(named)
        if name not in builder.graph.modules and name not in chosen.include
    ]
    return Selection(tuple(new), tuple(more))


def _raise_first(graph: Graph, builder: GraphBuilder) -> None:
    """Raise what is wrong in a module that every run imports."""
    certain = graph.list_certain()
    for name in graph.modules:
        module = graph.modules[name]
        if name in certain and module.path in builder.broken:
            raise builder.broken[module.path]
    for problem in graph.problems:
        if problem.when == "load" and problem.importer in certain:
            raise problem.error


def _find_disk_reason(
    entry: Entry, graph: Graph, files: Files, chosen: Selection, overlay: Mapping[str, Path]
) -> str:
    """Tell why the bundle's files must be unpacked to behave the same; empty: they need not be."""
    if entry.style == "disk":
        return "style disk was asked for"
    for path, why in (files.data | files.python).items():
        return f"{path} {why}"
    for path in chosen.files:
        if path not in files.cwd:
            return f"{path} is asked for as a file"
    for module in graph.modules.values():
        if module.path.endswith("/") and module.path.rstrip("/") in overlay:
            return f"other distributions share {module.path}"
        needs = module.findings.file_needs
        if not overlay:  # what is installed tells of itself
            needs = [need for need in needs if not need.endswith("metadata")]
        if needs and (module.name != ENTRY or len(graph.modules) > 1):
            return f"{module.path}, {needs[0]}"
    return ""


def _tell_imports(builder: GraphBuilder, locator: Locator, entry: Entry) -> list[Difference]:
    """Tell which imports may fail in the bundle though they do not in the program."""
    graph = builder.graph
    # What is missing for a distribution is missing where it is installed, too.
    own = [one for one in graph.problems if not _lies_in(locator.overlay, graph, one.importer)]
    tried = graph.list_tried()
    own = [one for one in own if one.when == "load" or one.top not in tried]
    guarded = graph.list_guarded()
    own = [one for one in own if one.when == "later" or one.importer not in guarded]
    own = list({one.top or str(one.error): one for one in reversed(own)}.values())[::-1]
    told = [one.difference for one in own if one.difference is not None]
    for path, line in builder.list_unfollowed():
        what = "imports a computed name, which cannot be followed"
        told.append(Difference(path, line, what, "--include 'PACKAGE.*' takes what it may name"))
    for path, error in builder.broken.items():
        what = f"is taken as it is, though {str(error).split(': ', 2)[-1].split(';')[0]}"
        told.append(Difference(path, 0, what, "correct it, or --exclude it"))
    seen: set[str] = set()
    paths = {name: module.path for name, module in graph.modules.items()}
    for top, importer, how in graph.external:
        if how.when in ("typing", "optional") or top in seen or top in entry.external:
            continue
        if name_origin(top) != "not known on Kaggle" or not locator.is_installed(top):
            continue
        seen.add(top)
        folder = locator.find_source_folder(top)
        what = f"imports {top}, which is installed here but not in Kaggle's image"
        cure = f"--vendor {top} takes it in, --external {top} says that it will be there"
        if folder is not None:
            what = f"imports {top}, whose sources lie elsewhere and are not taken"
            cure = f"--path FOLDER takes them, --external {top} says that it will be there"
        told.append(Difference(paths.get(importer, importer), how.line, what, cure))
    return told


def _lies_in(overlay: Mapping[str, Path], graph: Graph, name: str) -> bool:
    return name in graph.modules and graph.modules[name].path in overlay


def tell_size(name: str, size: int) -> list[Difference]:
    """Tell that Kaggle will not take a bundle of this size."""
    if size <= SOURCE_BYTES:
        return []
    what = f"has {size:,} bytes; Kaggle takes {SOURCE_BYTES:,}"
    return [Difference(name, 0, what, "--analyze shows where they are, --exclude leaves some out")]


def read_file(contents: Contents, path: str) -> bytes:
    """A path of the contents -> the file's bytes."""
    return read_bytes(contents.locator.real(path))
