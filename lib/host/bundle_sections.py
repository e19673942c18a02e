"""A file's text -> the lines that stand for it in a bundle, and in which form."""

import ast
import base64
from dataclasses import dataclass

from lib.host.bundle_sources import Source
from lib.kernel.storage import sha256_bytes

STYLES = ("code", "text", "disk")


@dataclass(frozen=True)
class Section:
    """One file as it is shown."""

    path: str
    lines: tuple[str, ...]  # as they stand in the script
    form: str  # "code": indented by four under `if 0:`; "text": in a raw string; "base64"
    reason: str  # why it is not plain code, or which lines stand behind a "#"
    size: int  # bytes on disk
    sha256: str  # of these bytes
    opening: str  # the line above
    closing: str  # the line below


def make_module_section(source: Source, fault: str, on_disk: bool) -> Section:
    """(a module, why it cannot be shown as code, whether it will be unpacked) -> Section."""
    if on_disk and source.codec != "utf-8":
        return make_binary_section(source.path, source.raw, f"is on disk in {source.codec}")
    lines = tuple(source.text.split("\n")[:-1])
    reason = fault or (source.warning and f"{source.warning} (it would be said twice)")
    if not reason:
        shown, remark = _show_as_code(source, lines)
        closing = "" if _has_statement(shown) or not shown else "    pass"
        return _section(source, shown, "code", remark, "if 0:" if shown else "", closing)
    quote = _find_quote(source.text)
    if quote is None:
        return make_binary_section(source.path, source.raw, f"{reason}; holds both triple quotes")
    return _section(source, lines, "text", reason, "r" + quote, quote)


def make_data_section(path: str, raw: bytes) -> Section:
    """(path, bytes of a data file) -> Section: a raw string where it is text, else base64."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return make_binary_section(path, raw, "not UTF-8")
    quote = _find_quote(text)
    odd = {char for char in text if char < " " and char not in "\t\n"} | ({"\ufeff"} & set(text))
    if quote is None or odd or not text.strip():
        return make_binary_section(path, raw, "control characters, both triple quotes, or empty")
    lines = tuple(text.removesuffix("\n").split("\n"))
    return Section(path, lines, "text", "data", len(raw), sha256_bytes(raw), "r" + quote, quote)


def make_binary_section(path: str, raw: bytes, reason: str) -> Section:
    """(path, bytes, why not as text) -> Section of base64 lines."""
    lines = tuple(base64.encodebytes(raw).decode().splitlines())
    sha256 = sha256_bytes(raw)
    return Section(path, lines, "base64", reason, len(raw), sha256, '"""', '"""')


def _section(
    source: Source, lines: tuple[str, ...], form: str, reason: str, opening: str, closing: str
) -> Section:
    size, sha256 = len(source.raw), source.sha256
    return Section(source.path, lines, form, reason, size, sha256, opening, closing)


def _show_as_code(source: Source, lines: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """A module -> (its lines indented, what of them stands behind a "#")."""
    hidden = _lines_not_to_indent(source)
    shown = tuple(
        f"{'#   ' if number in hidden else '    '}{line}" if line else ""
        for number, line in enumerate(lines, 1)
    )
    return shown, "; ".join(f"line {number} behind a #: {why}" for number, why in hidden.items())


def _lines_not_to_indent(source: Source) -> dict[int, str]:
    """A module -> its lines that are code only at the start of a file, each with the reason."""
    hidden = {}
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                hidden[number] = "from __future__"
    for number, line in enumerate(source.text.split("\n"), 1):
        if "\f" in line and not line.strip():
            hidden[number] = "form feed"
    return hidden


def _has_statement(shown: tuple[str, ...]) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in shown)


def _find_quote(text: str) -> str | None:
    """A text -> a triple quote in which it can stand raw."""
    for quote in ("'''", '"""'):
        if quote not in text:
            return quote
    return None
