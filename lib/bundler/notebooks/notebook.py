"""An entry and the packages beside it -> a notebook that writes them as files and runs them."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, relpath
from typing import Any

from lib.base.files import sha256_bytes, write_json, write_text
from lib.bundler.analysis.graph import ENTRY
from lib.bundler.bundle import build_bundle
from lib.bundler.chapters import arrange
from lib.bundler.contents import Contents, find_contents, read_file, tell_size
from lib.bundler.differences import Difference
from lib.bundler.entry import Entry
from lib.bundler.manifest import too_large
from lib.bundler.notebooks.file_cells import write_file
from lib.bundler.notebooks.run_cells import run_apart, run_here, set_up
from lib.bundler.notebooks.value_block import insert_values, list_names, render_values


@dataclass(frozen=True)
class Story:
    """What a notebook says and shows besides the files; the bundler knows no more of it."""

    introduction: str = ""  # Markdown of the first cell; empty: how many modules there are
    closing: str = ""  # Python of the last cell, after the run
    closing_title: str = ""
    is_here: bool = False  # whether the program runs in the notebook's process, and shows pictures


@dataclass(frozen=True)
class Notebook:
    """A notebook as JSON, and what is known of it."""

    content: dict[str, Any]
    manifest: dict[str, Any]
    sha256: str  # of the script that the same files make; __bundle__.sha256 in a cell
    differences: tuple[Difference, ...] = ()  # what it will do otherwise than the program
    sources: dict[Path, str] = field(default_factory=dict)  # files read -> sha256 of each


@dataclass(frozen=True)
class _File:
    """One file that a cell writes."""

    path: str
    raw: bytes  # as the cell writes them
    codec: str
    row: str  # that the table of a script would have for it, with the hash of its source


def build_notebook(entry: Entry, story: Story | None = None) -> Notebook:
    """An Entry -> a Notebook: introduction, preface, a cell that writes each file, the run.

    The preface is the second cell and nothing else is in it. The entry is written as a file too,
    because processes that it spawns must be able to run it again. So the cell that runs it leaves
    the preface's values in files beside it, where these processes find them as well.
    """
    bundle, story = build_bundle(entry), story or Story()
    contents = find_contents(dataclasses.replace(entry, style="disk"))  # its files are unpacked
    entry = contents.entry
    names = list_names(entry.preface)
    files = _list_files(contents, bundle.sha256)
    cells = [_markdown(story.introduction or _describe(entry, len(contents.graph.modules) - 1))]
    cells += [_code(entry.preface.removesuffix("\n"))] if names else []
    cells += [_code(set_up(files, story.is_here)), *_show_files(contents, files)]
    cells += [_markdown("## Run it"), _code(_run(contents, names, story))]
    if story.closing:
        cells += [_markdown(f"## {story.closing_title}"), _code(story.closing.removesuffix("\n"))]
    content = _wrap(cells)
    size = len(json.dumps(content))
    if entry.limit is not None and size > entry.limit:
        sizes = {one["path"]: one["bytes"] for one in bundle.manifest["inputs"]}
        cure = "build the script, or leave some of it out"
        raise too_large("the notebook", size, entry.limit, sizes, cure)
    told = [*contents.differences, *(tell_size(entry.name, size) if entry.limit is None else [])]
    facts = {"bytes": size, "differences": [dataclasses.asdict(one) for one in told]}
    manifest = {**bundle.manifest, **facts}
    return Notebook(content, manifest, bundle.sha256, tuple(told), bundle.sources)


def render_notebook(notebook: Notebook) -> str:
    """A Notebook -> the text of its file."""
    return json.dumps(notebook.content, indent=1, sort_keys=True) + "\n"


def write_notebook(notebook: Notebook, path: Path, manifest_path: Path) -> None:
    """Write a Notebook and its manifest, each atomically."""
    write_text(path, render_notebook(notebook))
    write_json(manifest_path, notebook.manifest)


def _wrap(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Cells -> the notebook's JSON value; Kaggle runs it by the kernel that it names."""
    return {
        "cells": [_with_id(number, cell) for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _describe(entry: Entry, count: int) -> str:
    modules = f"{count} module{'s' * (count != 1)}"
    return (
        f"# {entry.name}\n\nIt and {modules}, each written to its file by a cell of its own; the "
        f"cell at the end runs {entry.name}. Made by build.py: edit the sources, not this notebook."
    )


def _list_files(contents: Contents, sha256: str) -> dict[str, _File]:
    """Path -> file, the imported ones first, the entry the last one."""
    sources = contents.list_sources()
    preface = contents.entry.preface
    is_asked = preface or any("__bundle__" in source.text for source in sources)
    block = render_values(preface, sha256 if is_asked else "")
    files = {one.path: _make_file(one.path, one.raw, one.codec) for one in sources}
    for path in (*contents.data, *contents.passive):
        files[path] = _make_file(path, read_file(contents, path), "utf-8")
    main = sources[-1]
    shown = files.pop(main.path)
    files[main.path] = dataclasses.replace(shown, raw=insert_values(main, block))
    return files


def _run(contents: Contents, names: list[str], story: Story) -> str:
    """The text of the cell that runs the entry."""
    entry = contents.entry
    if story.is_here:
        tops = {one.split(".")[0] for one in contents.graph.modules} - {ENTRY}
        return run_here(entry.name, names, tops)
    home = "" if entry.module else dirname(entry.name)  # the working folder, where it lies
    laid_out = {path: relpath(path, home or ".") for path in contents.cwd}
    search = [*contents.search, *contents.late_search]
    return run_apart(entry.name, entry.module, names, search, laid_out)


def _make_file(path: str, raw: bytes, codec: str) -> _File:
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    row = f"#: {0:6d} {lines:5d} {len(raw):6d} {sha256_bytes(raw)} {'cell':6} {path}"
    return _File(path, raw, codec, row)


def _show_files(contents: Contents, files: dict[str, _File]) -> list[dict[str, Any]]:
    """Files -> the cells that write them, by chapters, each below its name and its row."""
    sources = {one.path: one for one in contents.list_sources()}
    cells = []
    for chapter in arrange(contents.entry.chapters, list(files), sources):
        is_name = "." in chapter.summary.split(" ")[0]  # of a file, which keeps its letters
        summary = chapter.summary if is_name else chapter.summary[:1].upper() + chapter.summary[1:]
        title = chapter.title.strip() or "The files"
        own = [files[path] for path in (chapter.paths if chapter.title else files)]
        rows = [f"<!-- {one.row} -->" for one in own]  # not shown; for those who take it apart
        cells.append(
            _markdown("\n\n".join(filter(None, [f"## {title}", summary, "\n".join(rows)])))
        )
        for one in own:
            cells.append(_markdown(f"### `{one.path}`"))
            cells.append(_code(write_file(one.path, one.raw, one.codec)))
    return cells


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    """A cell's text -> the cell; the text is one string, for Kaggle's server takes no list."""
    cell = {"cell_type": "code", "metadata": {}, "source": text}
    return {**cell, "execution_count": None, "outputs": []}


def _with_id(number: int, cell: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256(f"{number} {cell['source']}".encode()).hexdigest()
    return {**cell, "id": digest[:12]}
