"""A bundle -> what each of its files adds to it, and the import that brought it in."""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from lib.base.kaggle_limits import SOURCE_BYTES
from lib.base.tables import format_table
from lib.bundler.analysis.graph import ENTRY, Graph
from lib.bundler.contents import Contents

_REST = "runtime, banners and tables"


def measure_files(
    contents: Contents, inputs: Iterable[Mapping[str, Any]], text: str
) -> dict[str, Any]:
    """(what the entry reaches, the manifest's inputs, the script) -> a JSON value.

    `bytes` are those of a file on disk. `script_bytes` are those of its section, with indentation
    and, where it cannot be shown as text, base64; `share` is their part of the script.
    """
    whole = len(text.encode())
    sections = _measure_sections(text)
    brought = _find_importers(contents.graph)
    modules = {module.path: module for module in contents.graph.modules.values()}
    files = []
    for one in inputs:
        path, size = one["path"], one["bytes"]
        module = modules.get(path)
        name = module.name.partition(".")[0] if module else "data"
        inner = sections.get(path, size)
        row = {"path": path, "bytes": size, "script_bytes": inner, "share": inner / whole}
        row["package"] = "entry" if name == ENTRY else name
        row["brought_by"] = brought.get(module.name, "") if module else _find_owner(contents, path)
        files.append(row)
    files.sort(key=lambda row: (-row["bytes"], row["path"]))
    rest = whole - sum(row["script_bytes"] for row in files)
    packages = _sum_up(files)
    packages.append({"package": _REST, "files": 0, "bytes": rest, "script_bytes": rest})
    for package in packages:
        package["share"] = package["script_bytes"] / whole
    script = {"bytes": whole, "limit_bytes": SOURCE_BYTES, "of_limit": whole / SOURCE_BYTES}
    return {"files": files, "packages": packages, "script": script}


def show_sizes(sizes: Mapping[str, Any]) -> str:
    """The value of `measure_files` -> lines for a reader: files, totals, the script."""
    rows = [("bytes", "share", "file", "brought in by")]
    for one in sizes["files"]:
        rows.append((f"{one['bytes']:,}", f"{one['share']:.1%}", one["path"], one["brought_by"]))
    totals = [("bytes", "share", "files", "in all")]
    for one in sizes["packages"]:
        count = f"{one['files']:,}" if one["files"] else ""
        totals.append((f"{one['bytes']:,}", f"{one['share']:.1%}", count, one["package"]))
    tables = [format_table(rows, right=(0, 1)), format_table(totals, right=(0, 1, 2))]
    return "\n\n".join([*tables, _show_script(sizes["script"])])


def _show_script(script: Mapping[str, Any]) -> str:
    size, limit = script["bytes"], script["limit_bytes"]
    told = f"script: {size:,} bytes, {script['of_limit']:.1%} of the {limit:,} that Kaggle takes"
    over = f"; {size - limit:,} too many for a kernel" if size > limit else ""
    return told + over


def _measure_sections(text: str) -> dict[str, int]:
    """A script -> each section's bytes, without its banners."""
    found: dict[str, int] = {}
    path, size = "", 0
    for line in text.split("\n"):
        if line.startswith("# ==== "):
            path, size = line.removeprefix("# ==== ").rstrip("=").rstrip(), 0
        elif line.startswith(f"# ---- end of {path} -"):
            found[path] = size
        else:
            size += len(line.encode()) + 1
    return found


def _find_importers(graph: Graph) -> dict[str, str]:
    """Each module's name -> "train.py:3", the import on the shortest way to it."""
    found = {ENTRY: ""}
    queue = deque([ENTRY])
    while queue:
        here = graph.modules.get(queue.popleft())
        for target, how in here.targets if here else ():
            if here and target not in found:
                found[target] = f"{here.path}:{how.line}" if how.line else "--include"
                queue.append(target)
    return found


def _find_owner(contents: Contents, path: str) -> str:
    """A data file's path -> the line that names it, its package, or the option that takes it."""
    reason = contents.reasons.get(path, "")
    named = re.fullmatch(r"is named by (.+), line (\d+)", reason)
    if named or reason.startswith("--"):
        return f"{named[1]}:{named[2]}" if named else reason
    folder = path
    packages = {one.path: one.name for one in contents.graph.modules.values()}
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        name = packages.get(f"{folder}/__init__.py") or packages.get(f"{folder}/")
        if name:
            return f"data of {name}"
    return "--include"


def _sum_up(files: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of files -> one row a package, the largest first, data the last."""
    totals: dict[str, dict[str, Any]] = {}
    for row in files:
        empty = {"package": row["package"], "files": 0, "bytes": 0, "script_bytes": 0}
        total = totals.setdefault(row["package"], empty)
        total["files"] += 1
        total["bytes"] += row["bytes"]
        total["script_bytes"] += row["script_bytes"]
    return sorted(
        totals.values(), key=lambda row: (row["package"] == "data", -row["bytes"], row["package"])
    )
