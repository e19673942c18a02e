"""A bundle's contents -> its manifest: inputs, imports, packages from elsewhere, size."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from lib.base.errors import InputError
from lib.bundler.analysis.graph import ENTRY, Graph
from lib.bundler.analysis.kaggle_packages import name_origin
from lib.bundler.differences import Difference
from lib.bundler.render import Layout


def describe_bundle(
    layout: Layout,
    graph: Graph,
    size: int,
    sha256: str,
    differences: Iterable[Difference] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """(layout, graph, bytes and hash of the script, ...) -> JSON, equal for equal inputs."""
    return {
        "name": layout.name,
        "sha256": sha256,
        "bytes": size,
        "limit_bytes": limit,
        "unpacked_because": layout.disk,
        "inputs": [
            {
                "path": section.path,
                "bytes": section.size,
                "lines": len(section.lines),
                "sha256": section.sha256,
                "form": section.form,
                "reason": section.reason,
            }
            for section in layout.files
        ],
        "imports": {
            _show_name(layout, module.name): {
                target: how.line for target, how in sorted(module.targets) if how.module
            }
            for module in graph.modules.values()
        },
        "not_followed": {
            module.path: [line for line, _ in module.findings.unfollowed]
            for module in graph.modules.values()
            if module.findings.unfollowed
        },
        "external": _describe_external(layout, graph),
        "differences": [dataclasses.asdict(one) for one in differences],
    }


def too_large(what: str, size: int, limit: int, sizes: dict[str, int], cure: str) -> InputError:
    """(what is built, its bytes, the most, each input's) -> an error that names the largest."""
    largest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:5]
    names = ", ".join(f"{path} {sizes[path]:,}" for path in largest)
    said = f"{what} has {size:,} bytes, the limit is {limit:,}; the largest: {names}"
    return InputError("bundle", f"{said}; cure: {cure}")


def _describe_external(layout: Layout, graph: Graph) -> dict[str, Any]:
    """(layout, graph) -> packages from elsewhere: their origin and every import that needs them."""
    paths = {name: module.path for name, module in graph.modules.items()}
    found: dict[str, Any] = {}
    for top, importer, how in graph.external:
        package = found.setdefault(top, {"origin": name_origin(top), "needed_by": []})
        path = layout.name if importer == ENTRY else paths[importer]
        package["needed_by"].append({"file": path, "line": how.line, "when": how.when})
    return dict(sorted(found.items()))


def _show_name(layout: Layout, name: str) -> str:
    return layout.name if name == ENTRY else name
