"""An entry script and the packages beside it -> one script that behaves as the files would."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.files import write_json, write_text
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.bundler.chapters import arrange
from lib.bundler.entry import Entry
from lib.bundler.locate import Locator, list_data_files
from lib.bundler.manifest import describe_bundle, too_large
from lib.bundler.module_graph import ENTRY, Graph, build_graph
from lib.bundler.render import Layout, find_fault, render_script
from lib.bundler.sections import STYLES, Section, make_data_section, make_module_section
from lib.bundler.sources import parse_source, read_bytes, show_path


@dataclass(frozen=True)
class Bundle:
    """One script and what is known of it."""

    text: str
    manifest: dict[str, Any]
    sha256: str  # of the text with zeros in the hash's place; __bundle__.sha256 at run time


@dataclass(frozen=True)
class Contents:
    """What an entry reaches."""

    graph: Graph
    data: tuple[str, ...]  # paths of files that are no modules


def build_bundle(entry: Entry) -> Bundle:
    """Bundle an Entry; raise an InputError of one line for a mistake in any file."""
    if entry.style not in STYLES:
        cure = nearest_name(entry.style, STYLES)
        raise InputError("bundle", f"there is no style {entry.style!r}; cure: {cure}")
    contents = find_contents(entry)
    layout, text, sha256 = _render_soundly(entry, contents)
    size = len(text.encode())
    if size > SOURCE_BYTES:
        sizes = {one.path: one.size for one in layout.files}
        raise too_large("the script", size, sizes, "leave some of it out")
    manifest = describe_bundle(layout, contents.graph, size, sha256)
    return Bundle(text, manifest, sha256)


def write_bundle(bundle: Bundle, path: Path, manifest_path: Path) -> None:
    """Write the script and its manifest, each atomically."""
    write_text(path, bundle.text)
    write_json(manifest_path, bundle.manifest)


def find_contents(entry: Entry) -> Contents:
    """Find the modules that an Entry reaches and the data files of their packages."""
    raw = entry.text if isinstance(entry.text, bytes) else entry.text.encode()
    main = parse_source(entry.name, raw, show_path(entry.root / entry.name))
    locator = Locator(entry.root)
    names, files = _match_globs(locator, entry.include)
    graph = build_graph(locator, main, names)
    for module in graph.modules.values():
        if module.path.endswith(("/__init__.py", "/")):
            files |= set(list_data_files(entry.root, module.path.rpartition("/")[0]))
        elif module.source is None:
            files.add(module.path)  # compiled: it can only be loaded from a file
    return Contents(graph, tuple(sorted(files)))


def _match_globs(locator: Locator, include: tuple[str, ...]) -> tuple[list[str], set[str]]:
    """--include globs -> (module names, data files); a glob without a match raises InputError."""
    names: list[str] = []
    files: set[str] = set()
    for pattern in include:
        modules = [] if "/" in pattern else locator.match_modules(pattern)
        found = [] if modules else locator.match_files(pattern)
        if not modules and not found:
            cure = "write dotted module names such as lib.plugins.*, or a path from the entry"
            raise InputError("bundle", f"--include {pattern} matches nothing; cure: {cure}")
        names += modules
        files |= {path for path in found if not path.endswith(".py")}
    return names, files


def _render_soundly(entry: Entry, contents: Contents) -> tuple[Layout, str, str]:
    """Contents -> (layout, script, hash); sections that do not compile as code are shown as text.

    Only the whole script can be tested: `global` in one section can forbid a name in another.
    """
    modules = [one.source for one in contents.graph.modules.values() if one.source]
    disk = _find_disk_reason(entry, contents)
    data = [make_data_section(path, read_bytes(entry.root / path)) for path in contents.data]
    style = "style text was asked for" if entry.style == "text" else ""
    faults = {source.path: style for source in modules}
    named = {source.path: source for source in modules}
    while True:
        files = [make_module_section(one, faults[one.path]) for one in modules]
        files[-1:-1] = data
        chapters = arrange(entry.chapters, [one.path for one in files], named)
        layout = Layout(
            *(entry.name, entry.head, entry.preface, tuple(files), tuple(chapters)),
            disk,
        )
        text, sha256 = render_script(layout)
        fault = find_fault(text)
        if fault is None:
            return layout, text, sha256
        blamed = [one for one in files if one.form == "code" and find_fault(_alone(one))]
        blamed = blamed or [one for one in files if _holds_line(text, one, fault[0])]
        if not blamed:
            line = text.split("\n")[fault[0] - 1]
            cure = "correct the preface"
            raise InputError("bundle", f"{fault[1]} in {line!r}; cure: {cure}")
        for one in blamed:
            faults[one.path] = (find_fault(_alone(one)) or fault)[1]


def _alone(section: Section) -> str:
    return "\n".join([section.opening, *section.lines, section.closing, ""])


def _holds_line(text: str, section: Section, number: int) -> bool:
    """Tell whether a line of the script belongs to a section that is shown as code."""
    if section.form != "code":
        return False
    above = text.split("\n")[:number]
    headings = [line.split()[2] for line in above if line.startswith("# ==== ")]
    return bool(headings) and headings[-1] == section.path


def _find_disk_reason(entry: Entry, contents: Contents) -> str:
    """Tell why the bundle's files must be unpacked to behave the same; empty: they need not be."""
    if entry.style == "disk":
        return "style disk was asked for"
    if contents.data:
        return f"{contents.data[0]} is a data file"
    modules = contents.graph.modules
    for module in modules.values():
        if module.findings.file_needs and (module.name != ENTRY or len(modules) > 1):
            return f"{module.path}, {module.findings.file_needs[0]}"
    return ""
