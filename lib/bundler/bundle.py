"""An entry script and the packages beside it -> one script that behaves as the files would."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, nearest_name
from lib.base.files import write_json, write_text
from lib.bundler.chapters import arrange
from lib.bundler.contents import Contents, find_contents, read_file, tell_size
from lib.bundler.credentials import refuse_credentials
from lib.bundler.differences import Difference
from lib.bundler.entry import Entry
from lib.bundler.installed.script_metadata import make_top
from lib.bundler.manifest import describe_bundle, too_large
from lib.bundler.render import TEMPLATES, Layout, find_fault, render_script
from lib.bundler.sections import STYLES, Section, make_data_section, make_module_section
from lib.bundler.sources import Source, parse_source


@dataclass(frozen=True)
class Bundle:
    """One script and what is known of it."""

    text: str
    manifest: dict[str, Any]
    sha256: str  # of the text with zeros in the hash's place; __bundle__.sha256 at run time
    differences: tuple[Difference, ...] = ()  # what it will do otherwise than the program


def build_bundle(entry: Entry) -> Bundle:
    """Bundle an Entry; raise an InputError of one line for a mistake in any file."""
    if entry.style not in STYLES:
        cure = nearest_name(entry.style, STYLES)
        raise InputError("bundle", f"there is no style {entry.style!r}; cure: {cure}")
    contents = find_contents(entry)
    refuse_credentials(contents)
    main = contents.list_sources()[-1]
    shown = contents.locator.show(main.path)
    shebang, block, doubts = make_top(main.text, contents.graph, shown, entry.pep723)
    layout, text, sha256 = _render_soundly(contents, (shebang, block))
    size = len(text.encode())
    if entry.limit is not None and size > entry.limit:
        sizes = {one.path: one.size for one in layout.files}
        cure = "leave some of it out (--analyze shows what is large), or --limit none"
        raise too_large("the script", size, entry.limit, sizes, cure)
    told = [
        *contents.differences,
        *doubts,
        *(tell_size(entry.name, size) if entry.limit is None else []),
    ]
    manifest = describe_bundle(layout, contents.graph, size, sha256, told, entry.limit)
    manifest["vendored"] = [one.facts for one in contents.taken.distributions]
    return Bundle(text, manifest, sha256, tuple(told))


def write_bundle(bundle: Bundle, path: Path, manifest_path: Path) -> None:
    """Write the script and its manifest, each atomically."""
    write_text(path, bundle.text)
    write_json(manifest_path, bundle.manifest)


def _render_soundly(contents: Contents, top: tuple[str, str]) -> tuple[Layout, str, str]:
    """Contents -> (layout, script, hash); sections that do not compile as code are shown as text.

    Only the whole script can be tested: `global` in one section can forbid a name in another.
    """
    entry, disk = contents.entry, contents.disk
    modules = contents.list_sources()
    held = (*contents.data, *contents.passive)
    data = [make_data_section(path, read_file(contents, path)) for path in held]
    preface = "\n".join(filter(None, [contents.taken.describe(), entry.preface]))
    parts = tuple(_make_part(name) for name in ("unpack", "errors"))
    style = "style text was asked for" if entry.style == "text" else ""
    faults = {source.path: style for source in modules}
    named = {source.path: source for source in modules}
    while True:
        files = [make_module_section(one, faults[one.path], disk != "") for one in modules]
        files[-1:-1] = data
        chapters = arrange(entry.chapters, [one.path for one in files], named)
        layout = Layout(
            *(entry.name, entry.head, preface, tuple(files), tuple(chapters), parts),
            *(disk, disk != "", contents.search, contents.late_search, contents.cwd, entry.module),
            *top,
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


def _make_part(name: str) -> Section:
    raw = (TEMPLATES / f"bundle_{name}.py").read_bytes()
    source: Source = parse_source(f"__bundle__/{name}.py", raw, f"bundle_{name}.py")
    return make_module_section(source, "", on_disk=False)
