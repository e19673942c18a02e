"""An entry and the packages beside it -> a notebook that writes them as files and runs them."""

import ast
import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.files import write_json
from lib.base.kaggle_limits import SOURCE_BYTES
from lib.bundler.bundle import Contents, build_bundle, find_contents
from lib.bundler.chapters import arrange
from lib.bundler.entry import Entry
from lib.bundler.manifest import too_large
from lib.bundler.module_graph import ENTRY, Graph
from lib.bundler.sources import Source, read_bytes

_WRITE = "%%writefile {source}"  # IPython fills in the folder that the cell above has made


@dataclass(frozen=True)
class Story:
    """What a notebook says and shows besides the files; the bundler knows no more of it."""

    introduction: str = ""  # Markdown of the first cell; empty: how many modules there are
    closing: str = ""  # Python of the last cell, after the run
    closing_title: str = ""


@dataclass(frozen=True)
class Notebook:
    """A notebook as JSON, and what is known of it."""

    content: dict[str, Any]
    manifest: dict[str, Any]
    sha256: str  # of the script that the same files make; of the module __bundle__ in a cell


def build_notebook(entry: Entry, story: Story | None = None) -> Notebook:
    """An Entry -> a Notebook: introduction, preface, a cell that writes each file, the run.

    The preface is the second cell and nothing else is in it. The entry is written as a file too,
    because processes that it spawns must be able to run it again. So the cell that runs it leaves
    the preface's values in files beside it, where these processes find them as well. The entry is
    run by runpy: `%run` would succeed even when the run failed.
    """
    bundle, story = build_bundle(entry), story or Story()
    contents = find_contents(entry)
    names = _list_names(entry.preface)
    named = f'sys.modules["__bundle__"] = SimpleNamespace(sha256="{bundle.sha256}")'
    known = f"import sys\nfrom types import SimpleNamespace\n\n{named}\n"
    above = (_reading(names) if names else entry.preface) + f"\n\n{known}\n\n"
    cells = [_markdown(story.introduction or _describe(entry, len(contents.graph.modules) - 1))]
    cells += [_code(entry.preface)] if names else []
    cells += [_code(_setting_up(contents.graph, contents.data))]
    cells += _list_file_cells(entry, contents, above)
    cells += [_markdown("## Run it"), _code(_running(entry.name, names, contents.graph))]
    if story.closing:
        cells += [_markdown(f"## {story.closing_title}"), _code(story.closing)]
    content = _wrap(cells)
    size = len(json.dumps(content))
    if size > SOURCE_BYTES:
        sizes = {one["path"]: one["bytes"] for one in bundle.manifest["inputs"]}
        raise too_large("the notebook", size, sizes, "build the script, or leave some of it out")
    return Notebook(content, {**bundle.manifest, "bytes": size}, bundle.sha256)


def write_notebook(notebook: Notebook, path: Path, manifest_path: Path) -> None:
    """Write a Notebook and its manifest, each atomically."""
    write_json(path, notebook.content)
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
    return (
        f"# {entry.name}\n\n{count} modules, each written to its file by a cell of its own; a "
        f"cell below them runs {entry.name}. Made by build.py: edit the sources, not this notebook."
    )


def _list_file_cells(entry: Entry, contents: Contents, above: str) -> list[dict[str, Any]]:
    """(Entry, Contents, what stands above the entry) -> cells that write all files, by chapters."""
    sources = {one.source.path: one.source for one in contents.graph.modules.values() if one.source}
    paths = [*(path for path in sources if path != entry.name), *contents.data, entry.name]
    cells = []
    for chapter in arrange(entry.chapters, paths, sources):
        is_name = "." in chapter.summary.split(" ")[0]  # of a file, which keeps its letters
        summary = chapter.summary if is_name else chapter.summary[:1].upper() + chapter.summary[1:]
        title = chapter.title.strip() or "The files"
        cells.append(_markdown(f"## {title}\n\n{summary}".rstrip()))
        for path in chapter.paths if chapter.title else paths:
            cells.append(_markdown(f"### `{path}`"))
            if path == entry.name:
                text = _insert_below_head(sources[path], above)
                cells.append(_code(f"{_WRITE}/{path}\n{text}"))
            elif path in sources:
                cells.append(_code(_write_module(sources[path])))
            else:
                cells.append(_code(_write_data(path, read_bytes(entry.root / path))))
    return cells


def _list_names(preface: str) -> list[str]:
    """The preface -> the names that it assigns; none where it does anything else besides."""
    names = []
    for node in ast.parse(preface).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(target, ast.Name):
            return []
        names.append(target.id)
    return names


def _reading(names: list[str]) -> str:
    """Names of the preface -> what stands in the entry's file for it.

    They are read as plain text: an imported module could be one that Python had cached.
    """
    lines = ["# The values of the notebook's second cell, as the cell that runs this left them."]
    for name in names:
        path = f'Path(__file__).with_name("{name}.txt")'
        lines.append(f'{name} = ast.literal_eval({path}.read_text(encoding="utf-8"))')
    return "\n".join(["import ast", "from pathlib import Path", "", *lines])


def _setting_up(graph: Graph, data: tuple[str, ...]) -> str:
    """(graph, data files) -> the cell for folders and import path, for child processes too."""
    paths = [one.path for one in graph.modules.values() if one.name != ENTRY] + list(data)
    folders = sorted({path.rpartition("/")[0] for path in paths} - {""})
    return "\n".join(
        [
            "import os",
            "import sys",
            "import tempfile",
            "",
            "# Elsewhere than in this folder, which Kaggle keeps as the run's output.",
            'held = tempfile.TemporaryDirectory(prefix="kernel-")',
            "source = held.name",
            f"for folder in {folders!r}:",
            "    os.makedirs(os.path.join(source, folder), exist_ok=True)",
            "sys.path.insert(0, source)",
            'os.environ["PYTHONPATH"] = os.pathsep.join(',
            '    filter(None, [source, os.environ.get("PYTHONPATH")])',
            ")",
        ]
    )


def _running(name: str, names: list[str], graph: Graph) -> str:
    """(entry's file name, names of the preface, graph) -> the cell that runs the entry.

    It may be run again: then it takes the files and values as they are by then.
    """
    tops = sorted({one.split(".")[0] for one in graph.modules} - {ENTRY})
    lines = ["import importlib", "import runpy", "from pathlib import Path", ""]
    if names:
        lines.append("# The values of the second cell, where processes that are started find them.")
        for one in names:
            lines.append(f'Path(source, "{one}.txt").write_text(repr({one}), encoding="utf-8")')
    lines += [
        "# Modules of an earlier run are dropped: the cells above may have written them anew.",
        f"for name in [name for name in sys.modules if name.split('.')[0] in {tops!r}]:",
        "    del sys.modules[name]",
        "importlib.invalidate_caches()",
        f'sys.argv = [os.path.join(source, "{name}")]',
        'finished = runpy.run_path(sys.argv[0], run_name="__main__")',
    ]
    return "\n".join(lines)


def _insert_below_head(main: Source, block: str) -> str:
    """A script and a block -> the script with the block below docstring and `from __future__`."""
    above = 0
    for number, node in enumerate(main.tree.body):
        is_docstring = number == 0 and ast.get_docstring(main.tree) is not None
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not is_docstring and not is_future:
            break
        above = node.end_lineno or 0
    lines = main.text.split("\n")
    head = "\n".join(lines[:above]) + "\n\n" if above else ""
    return head + block.strip("\n") + "\n\n" + "\n".join(lines[above:]).lstrip("\n")


def _write_module(source: Source) -> str:
    if not source.text.strip() or source.codec != "utf-8":
        return _write_data(source.path, source.raw)
    return f"{_WRITE}/{source.path}\n{source.text}"


def _write_data(path: str, raw: bytes) -> str:
    """(path, bytes that %%writefile would change) -> a cell that writes them unchanged."""
    text = base64.encodebytes(raw).decode()
    value = f'base64.b64decode("""\n{text}""")' if raw else 'b""'
    lines = (
        ["import base64", "from pathlib import Path", ""] if raw else ["from pathlib import Path"]
    )
    return "\n".join([*lines, f'written = Path(source, "{path}").write_bytes({value})', ""])


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    """A cell's text -> the cell; the text is one string, for Kaggle's server takes no list."""
    cell = {"cell_type": "code", "metadata": {}, "source": text.removesuffix("\n")}
    return {**cell, "execution_count": None, "outputs": []}


def _with_id(number: int, cell: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256(f"{number} {cell['source']}".encode()).hexdigest()
    return {**cell, "id": digest[:12]}
