"""An entry script and the packages beside it -> one script that behaves as they do together."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from lib.host.bundle_graph import ENTRY, Graph, build_graph
from lib.host.bundle_locate import Locator, list_data_files
from lib.host.bundle_manifest import describe_bundle
from lib.host.bundle_sections import (
    STYLES,
    Section,
    make_data_section,
    make_module_section,
)
from lib.host.bundle_sources import parse_source, read_bytes, show_path
from lib.kernel.errors import InputError, nearest_name
from lib.kernel.storage import sha256_bytes, write_json, write_text

TEMPLATES = Path(__file__).resolve().parents[2] / "kernel_template"
LIMIT_BYTES = 900_000  # Kaggle refuses larger sources
_NO_HASH = "0" * 64


@dataclass(frozen=True)
class Entry:
    """What to bundle."""

    text: str | bytes  # of the script that runs
    name: str  # its file name, as tracebacks show it
    root: Path  # the folder beside which packages are found
    include: tuple[str, ...] = ()  # globs of dotted module names, or of paths, to take besides
    style: str = "code"
    preface: str = ""  # Python to run first, shown below the header


@dataclass(frozen=True)
class Bundle:
    """One script and what is known of it."""

    text: str
    manifest: dict[str, Any]
    sha256: str  # of the text with zeros in the hash's place; __bundle__.sha256 at run time


@dataclass(frozen=True)
class _Plan:
    """All that the template shows."""

    sections: list[Section]  # modules, data files, then the entry
    parts: list[Section]  # of the runtime
    disk: str  # why files must be unpacked; empty: they need not
    moved: bool  # whether the entry, too, finds data files beside its own __file__


def build_bundle(entry: Entry) -> Bundle:
    """An Entry -> its Bundle; a mistake in any file raises an InputError of one line."""
    if entry.style not in STYLES:
        raise InputError(
            "bundle", f"there is no style {entry.style!r}", cure=nearest_name(entry.style, STYLES)
        )
    graph, data = find_contents(entry)
    plan = _make_plan(entry, graph, data)
    text, plan = _render_until_sound(entry, plan)
    sha256 = sha256_bytes(text.encode())
    text = text.replace(_NO_HASH, sha256, 1)
    manifest = describe_bundle(entry.name, graph, plan.sections, text, sha256, plan.disk)
    if len(text.encode()) > LIMIT_BYTES:
        raise _too_large(plan.sections, len(text.encode()))
    return Bundle(text, manifest, sha256)


def write_bundle(bundle: Bundle, path: Path, manifest_path: Path) -> None:
    """A Bundle -> the script and its manifest, each whole or as it was before."""
    write_text(path, bundle.text)
    write_json(manifest_path, bundle.manifest)


def find_contents(entry: Entry) -> tuple[Graph, list[str]]:
    """An Entry -> (the modules it reaches, the data files of their packages)."""
    raw = entry.text if isinstance(entry.text, bytes) else entry.text.encode()
    main = parse_source(entry.name, raw, show_path(entry.root / entry.name))
    locator = Locator(entry.root)
    names, files = _match_globs(locator, entry.include)
    graph = build_graph(entry.root, main, names)
    for module in graph.modules.values():
        if module.path.endswith(("/__init__.py", "/")):
            files |= set(list_data_files(entry.root, module.path.rpartition("/")[0]))
        elif module.source is None:
            files.add(module.path)  # compiled: it can only be loaded from a file
    return graph, sorted(files)


def _match_globs(locator: Locator, include: tuple[str, ...]) -> tuple[list[str], set[str]]:
    """--include globs -> (module names, data files); one that matches nothing is a mistake."""
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


def _make_plan(entry: Entry, graph: Graph, data: list[str]) -> _Plan:
    disk = _find_disk_reason(entry, graph, data)
    modules = [module for module in graph.modules.values() if module.name != ENTRY]
    modules.append(graph.modules[ENTRY])
    sections = [
        make_module_section(module.source, entry.style, disk != "")
        for module in modules
        if module.source is not None
    ]
    shown = [make_data_section(path, read_bytes(entry.root / path)) for path in data]
    sections[-1:-1] = shown
    parts = [_make_part(name) for name in ("unpack", "errors")]
    mentions = any("__file__" in line for line in sections[-1].lines)
    return _Plan(sections, parts, disk, moved=bool(data) and mentions)


def _make_part(name: str) -> Section:
    raw = (TEMPLATES / f"bundle_{name}.py").read_bytes()
    path = f"__bundle__/{name}.py"
    return make_module_section(parse_source(path, raw, f"bundle_{name}.py"), "code", False)


def _find_disk_reason(entry: Entry, graph: Graph, data: list[str]) -> str:
    """Why the bundle's files must be unpacked to behave as they do; empty: they need not."""
    if entry.style == "disk":
        return "style disk was asked for"
    if data:
        return f"{data[0]} is a data file"
    for module in graph.modules.values():
        if module.findings.file_needs and (module.name != ENTRY or len(graph.modules) > 1):
            return f"{module.path}, {module.findings.file_needs[0]}"
    return ""


def _render_until_sound(entry: Entry, plan: _Plan) -> tuple[str, _Plan]:
    """A plan -> the script, which compiles; a section that breaks it as code is shown as text."""
    text = _render(entry, plan)
    compile(text, entry.name, "exec", dont_inherit=True)
    return text, plan


def _render(entry: Entry, plan: _Plan) -> str:
    """A plan -> the script with zeros in the hash's place.

    It is rendered twice: the line numbers in the header are known only after the first time.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    template = environment.get_template("bundle.py.j2")
    sections = [*plan.sections, *plan.parts]
    rows = [_table_row(section, 0) for section in sections]
    holders = [dataclasses.replace(one, lines=("\0",) * len(one.lines)) for one in sections]
    draft = _fill(template, entry, plan, rows, holders).split("\n")
    places = iter([number for number, line in enumerate(draft, 1) if line == "\0"])
    rows = []
    for section in sections:
        taken = [next(places) for _ in section.lines]
        rows.append(_table_row(section, taken[0] if taken else 0))
    return _fill(template, entry, plan, rows, sections)


def _fill(
    template: jinja2.Template, entry: Entry, plan: _Plan, rows: list[str], sections: list[Section]
) -> str:
    count = len(plan.sections) - 1
    return template.render(
        name=entry.name,
        files=f"{count} file{'s' * (count != 1)}",
        preface=entry.preface.strip("\n"),
        rows=rows,
        sections=sections,
        disk=plan.disk,
        moved=plan.moved,
        sha256=_NO_HASH,
    )


def _table_row(section: Section, first: int) -> str:
    numbers = f"{first:6d} {len(section.lines):5d} {section.size:6d}"
    return f"{numbers} {section.sha256} {section.form:6} {section.path}"


def _too_large(sections: list[Section], size: int) -> InputError:
    largest = sorted(sections, key=lambda one: sum(map(len, one.lines)), reverse=True)[:5]
    names = ", ".join(f"{one.path} {sum(map(len, one.lines)):,}" for one in largest)
    what = f"the script has {size:,} bytes, Kaggle takes {LIMIT_BYTES:,}; the largest: {names}"
    return InputError("bundle", f"{what}; cure: leave some of it out")
