"""What a bundle holds -> its manifest: inputs, who imports whom, packages from elsewhere, size."""

from typing import Any

from lib.host.bundle_graph import ENTRY, Graph
from lib.host.bundle_packages import name_origin
from lib.host.bundle_sections import Section


def describe_bundle(
    name: str, graph: Graph, sections: list[Section], text: str, sha256: str, disk: str
) -> dict[str, Any]:
    """Graph, sections and text of a bundle -> a JSON value, equal for equal inputs."""
    return {
        "name": name,
        "sha256": sha256,
        "bytes": len(text.encode()),
        "unpacked": disk,
        "inputs": [
            {
                "path": section.path,
                "bytes": section.size,
                "lines": len(section.lines),
                "sha256": section.sha256,
                "form": section.form,
                "reason": section.reason,
            }
            for section in sections
        ],
        "imports": {
            module.name: {target: how.line for target, how in module.targets}
            for module in graph.modules.values()
        },
        "unfollowed": {
            module.path: module.findings.unfollowed
            for module in graph.modules.values()
            if module.findings.unfollowed
        },
        "external": _describe_external(graph),
    }


def _describe_external(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for top, importer, how in graph.external:
        path = graph.modules[importer].path if importer in graph.modules else ENTRY
        entry = found.setdefault(top, {"origin": name_origin(top), "needed_by": []})
        entry["needed_by"].append({"file": path, "line": how.line, "when": how.when})
    return dict(sorted(found.items()))
