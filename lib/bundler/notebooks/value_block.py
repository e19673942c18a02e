"""The lines above an entry in a notebook: the values of the second cell, the bundle's own hash.

They stand between two marks, so that the entry's file can be read back without them.
"""

import ast
import codecs
import re

from lib.bundler.sources import Source

VALUES = "# ---- values of the second cell ----"
END_OF_VALUES = "# ---- end of values ----"
_END = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEAD_COMMENT = re.compile(r"#!|[ \t\f]*#.*?coding[:=]")


def list_names(preface: str) -> list[str]:
    """The preface -> the names that it assigns; none where it does anything else besides."""
    names = []
    for node in ast.parse(preface).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(target, ast.Name):
            return []
        names.append(target.id)
    return names


def render_values(preface: str, sha256: str) -> str:
    """(preface, the bundle's hash or "" where nobody asks for it) -> the block; "": none is needed.

    Values are read as plain text: an imported module could be one that Python had cached.
    """
    parts = []
    if sha256:  # processes that the entry spawns run these lines too
        made = 'sys.modules["__bundle__"] = __bundle__ = types.ModuleType("__bundle__")'
        parts.append(f'import sys\nimport types\n\n{made}\n__bundle__.sha256 = "{sha256}"')
    names = list_names(preface)
    if names:
        lines = ["# As the cell that runs this left them."]
        for name in names:
            path = f'Path(__file__).with_name("{name}.txt")'
            lines.append(f'{name} = ast.literal_eval({path}.read_text(encoding="utf-8"))')
        parts.append("\n".join(["import ast", "from pathlib import Path", "", *lines]))
    elif preface:
        parts.append(preface.strip("\n"))
    return "\n".join([VALUES, "\n\n".join(parts), END_OF_VALUES, ""]) if parts else ""


def insert_values(main: Source, block: str) -> bytes:
    """A script and a block -> the script with the block below its docstring and futures."""
    if not block:
        return main.raw
    raw = main.raw.removeprefix(codecs.BOM_UTF8)
    lines = _LINE.findall(raw.decode(main.codec))
    heads = [number for number, line in enumerate(lines[:2], 1) if _HEAD_COMMENT.match(line)]
    above = max(heads, default=0)
    for number, node in enumerate(main.tree.body):
        is_docstring = number == 0 and ast.get_docstring(main.tree, clean=False) is not None
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not is_docstring and not is_future:
            break
        above = max(above, node.end_lineno or 0)
    end = next(iter(_END.findall("".join(lines[:1]))), "\n")
    shown = block.removesuffix("\n").replace("\n", end) + end
    if above and not _END.search(lines[above - 1]):
        shown = end + shown.removesuffix(end)  # the file's last line has no end
    lines.insert(above, shown)
    return main.raw[: len(main.raw) - len(raw)] + "".join(lines).encode(main.codec)
