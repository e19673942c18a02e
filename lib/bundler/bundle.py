"""An entry script and the packages beside it -> one script that behaves as the files would."""

import warnings
from dataclasses import dataclass, field
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
from lib.bundler.render import Layout, find_fault, render_script
from lib.bundler.sections import STYLES, Section, make_data_section, make_module_section
from lib.bundler.sources import Source, explain_syntax


@dataclass(frozen=True)
class Bundle:
    """One script and what is known of it."""

    text: str
    manifest: dict[str, Any]
    sha256: str  # of the text with zeros in the hash's place; __bundle__.sha256 at run time
    differences: tuple[Difference, ...] = ()  # what it will do otherwise than the program
    sources: dict[Path, str] = field(default_factory=dict)  # files read -> sha256 of each


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
    layout, text, sha256 = _render(contents, (shebang, block))
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
    hashes = {one.path: one.sha256 for one in layout.files}
    read = {contents.locator.real(path): sha256 for path, sha256 in hashes.items()}
    return Bundle(text, manifest, sha256, tuple(told), read)


def write_bundle(text: str, manifest: dict[str, Any], path: Path, manifest_path: Path) -> None:
    """Write a bundle's text and its manifest, each atomically."""
    write_text(path, text)
    write_json(manifest_path, manifest)


def _show_module(contents: Contents, source: Source, fault: str) -> Section:
    """(what a bundle holds, a module, why it is no code or "") -> its Section.

    What does not compile is an error where every run imports it; elsewhere it stays as it is.
    """
    try:
        if fault and not source.fault:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(source.text, source.path, "exec", dont_inherit=True)
        return make_module_section(source, fault)
    except SyntaxError as error:
        told = explain_syntax(contents.locator.show(source.path), error)
        certain = contents.graph.list_certain()
        if any(contents.graph.modules[name].source is source for name in certain):
            raise told from None
        return make_module_section(source, str(told))


def _render(contents: Contents, top: tuple[str, str]) -> tuple[Layout, str, str]:
    """Contents -> (layout, script, hash); what cannot be shown as code is shown as text."""
    entry, disk = contents.entry, contents.disk
    modules = contents.list_sources()
    style = "style text was asked for" if entry.style == "text" else ""
    files = [_show_module(contents, one, one.fault or style) for one in modules]
    held = (*contents.data, *contents.passive)
    files[-1:-1] = [make_data_section(path, read_file(contents, path)) for path in held]
    named = {source.path: source for source in modules}
    preface = "\n".join(filter(None, [contents.taken.describe(), entry.preface]))
    chapters = arrange(entry.chapters, [one.path for one in files], named)
    layout = Layout(
        *(entry.name, entry.head, preface, tuple(files), tuple(chapters)),
        *(disk, contents.search, contents.late_search, contents.cwd, entry.module),
        *top,
    )
    if fault := find_fault(entry.preface):
        line = entry.preface.split("\n")[fault[0] - 1]
        raise InputError("bundle", f"{fault[1]} in {line!r}; cure: correct the preface")
    return layout, *render_script(layout)
