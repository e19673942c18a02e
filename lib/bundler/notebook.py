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
from lib.bundler.bundle import Entry, build_bundle, find_contents
from lib.bundler.manifest import too_large
from lib.bundler.module_graph import ENTRY, Graph
from lib.bundler.sources import Source, read_bytes

FOLDER = "source"  # below the notebook's own folder, for the modules


@dataclass(frozen=True)
class Notebook:
    """A notebook as JSON, and what is known of it."""

    content: dict[str, Any]
    manifest: dict[str, Any]
    sha256: str  # of the script that the same files make; __bundle__.sha256 in a cell


def build_notebook(entry: Entry) -> Notebook:
    """An Entry -> a Notebook: a heading and a %%writefile cell per module, then a cell to run it.

    The entry is written as a file too, because processes that it spawns must be able to run it
    again. It is run by runpy: `%run` would succeed even when the run failed.
    """
    bundle = build_bundle(entry)
    contents = find_contents(entry)
    graph = contents.graph
    sources = [one.source for one in graph.modules.values() if one.source and one.name != ENTRY]
    cells = [_markdown(_describe(entry, len(sources)))]
    cells.append(_code(_setting_up(graph, contents.data)))
    for source in sources:
        cells.append(_markdown(f"## {source.path}"))
        cells.append(_code(_write_module(source)))
    for path in contents.data:
        cells.append(_markdown(f"## {path}"))
        cells.append(_code(_write_data(path, read_bytes(entry.root / path))))
    main = graph.modules[ENTRY].source
    assert main is not None, "an entry has a source"
    known = f'class __bundle__:\n    sha256 = "{bundle.sha256}"\n'
    text = _insert_below_head(main, f"{entry.preface}\n\n{known}\n\n")
    cells.append(_markdown(f"## {entry.name}: the configuration and the run"))
    cells.append(_code(f"%%writefile {FOLDER}/{entry.name}\n{text}"))
    cells.append(_code(_running(entry.name)))
    content = {
        "cells": [_with_id(number, cell) for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    size = len(json.dumps(content))
    if size > SOURCE_BYTES:
        sizes = {one["path"]: one["bytes"] for one in bundle.manifest["inputs"]}
        raise too_large("the notebook", size, sizes, "build the script, or leave some of it out")
    return Notebook(content, {**bundle.manifest, "bytes": size}, bundle.sha256)


def write_notebook(notebook: Notebook, path: Path, manifest_path: Path) -> None:
    """Write a Notebook and its manifest, each atomically."""
    write_json(path, notebook.content)
    write_json(manifest_path, notebook.manifest)


def _describe(entry: Entry, count: int) -> str:
    return (
        f"# {entry.name}\n\n{count} modules, each written to its file by a cell of its own; the "
        f"last cell runs them. Made by build.py: edit the sources, not this notebook."
    )


def _setting_up(graph: Graph, data: tuple[str, ...]) -> str:
    """(graph, data files) -> the first cell: folders and import path, for child processes too."""
    paths = [one.path for one in graph.modules.values() if one.name != ENTRY] + list(data)
    folders = sorted({f"{FOLDER}/{path}".rpartition("/")[0] for path in paths} | {FOLDER})
    return "\n".join(
        [
            "import os",
            "import sys",
            "",
            f"for folder in {folders!r}:",
            "    os.makedirs(folder, exist_ok=True)",
            f"sys.path.insert(0, os.path.abspath({FOLDER!r}))",
            'os.environ["PYTHONPATH"] = os.pathsep.join(',
            '    filter(None, [sys.path[0], os.environ.get("PYTHONPATH")])',
            ")",
        ]
    )


def _running(name: str) -> str:
    """The entry's file name -> the last cell, which runs it."""
    script = f"{FOLDER}/{name}"
    lines = ["import runpy", "", f'sys.argv = ["{script}"]']
    return "\n".join([*lines, f'finished = runpy.run_path("{script}", run_name="__main__")'])


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
    return f"%%writefile {FOLDER}/{source.path}\n{source.text}"


def _write_data(path: str, raw: bytes) -> str:
    """(path, bytes that %%writefile would change) -> a cell that writes them unchanged."""
    text = base64.encodebytes(raw).decode()
    value = f'base64.b64decode("""\n{text}""")' if raw else 'b""'
    lines = (
        ["import base64", "from pathlib import Path", ""] if raw else ["from pathlib import Path"]
    )
    return "\n".join([*lines, f'written = Path("{FOLDER}/{path}").write_bytes({value})', ""])


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    lines = [line + "\n" for line in text.removesuffix("\n").split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    cell = {"cell_type": "code", "metadata": {}, "source": lines}
    return {**cell, "execution_count": None, "outputs": []}


def _with_id(number: int, cell: dict[str, Any]) -> dict[str, Any]:
    text = "".join(cell["source"])
    digest = hashlib.sha256(f"{number} {text}".encode()).hexdigest()
    return {**cell, "id": digest[:12]}
