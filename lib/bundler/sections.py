"""A file's text -> its lines in a bundle, and their form."""

import ast
import base64
import dataclasses
import re
from dataclasses import dataclass

from lib.base.files import sha256_bytes
from lib.bundler.sources import Source

STYLES = ("code", "text", "disk")
CLOSING = "    pass  # no statement above"  # the runtime knows it by these words
_LEAP = re.compile(r"^[ \t]*\f[ \t\f]*[^\s]", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One file as it stands in the bundle.

    The forms are "code" (indented by four under `if 0:`), "text" (in a raw string), "note" (behind
    a "#" on each line) and "base64". Lines of code and note are read back by dropping their first
    four characters.
    """

    path: str
    lines: tuple[str, ...]  # as they stand in the script
    form: str
    reason: str  # why it is not plain code, or which lines are behind a "#"
    size: int  # bytes on disk
    sha256: str  # of these bytes
    opening: str = ""  # the line above
    closing: str = ""  # the line below
    codec: str = ""  # of the file on disk, where that is not UTF-8 and it will be unpacked

    @property
    def form_and_codec(self) -> str:
        """Form and codec, as the script's table has them."""
        return f"{self.form}:{self.codec}" if self.codec else self.form


def make_module_section(source: Source, fault: str, on_disk: bool) -> Section:
    """(a module, why it cannot be shown as code, whether it will be unpacked) -> Section."""
    reason = fault or _find_fault(source)
    lines = tuple(source.text.split("\n")[:-1])
    codec = source.codec if on_disk and source.codec != "utf-8" else ""
    section = Section(source.path, lines, "text", reason, len(source.raw), source.sha256)
    section = dataclasses.replace(section, codec=codec)
    if reason:
        return _quote_lines(section)
    hidden = _lines_not_to_indent(source)
    shown = tuple(
        f"{'#   ' if number in hidden else '    '}{line}" if line else ""
        for number, line in enumerate(lines, 1)
    )
    remark = "; ".join(f"line {number} behind a #: {why}" for number, why in hidden.items())
    closing = "" if _has_statement(shown) else CLOSING
    opening = "if 0:"
    return dataclasses.replace(
        section, lines=shown, form="code", reason=remark, opening=opening, closing=closing
    )


def make_data_section(path: str, raw: bytes) -> Section:
    """(path, bytes of a data file) -> Section: readable where it is text, else base64."""
    reason = "data"
    try:
        text = raw.decode("utf-8")
        if "\ufeff" in text or any(char < " " and char not in "\t\n" for char in text):
            reason = "data with control characters"
    except UnicodeDecodeError:
        reason = "data that is not UTF-8"
    size, sha256 = len(raw), sha256_bytes(raw)
    if reason != "data":
        lines = tuple(base64.encodebytes(raw).decode().splitlines())
        return Section(path, lines, "base64", reason, size, sha256, '"""', '"""')
    lines = tuple(text.removesuffix("\n").split("\n"))
    return _quote_lines(Section(path, lines, "text", reason, size, sha256))


def _quote_lines(section: Section) -> Section:
    """A Section -> its lines in a raw string, or behind "#" if both kinds of quotes occur."""
    text = "\n".join(section.lines)
    for quote in ("'''", '"""'):
        if quote not in text:
            return dataclasses.replace(section, opening="r" + quote, closing=quote)
    lines = tuple(f"#   {line}" if line else "" for line in section.lines)
    return dataclasses.replace(section, lines=lines, form="note")


def _find_fault(source: Source) -> str:
    """A module that compiles -> why it must not be shown as code; empty: it may be."""
    if source.warning:
        return f"{source.warning} (it would be said twice)"
    leap = _LEAP.search(source.text)
    if leap:  # the tokenizer restarts its column: the line would leave `if 0:` and run
        number = source.text.count("\n", 0, leap.start()) + 1
        return f"line {number}: a form feed stands before code"
    return ""


def _lines_not_to_indent(source: Source) -> dict[int, str]:
    """A module -> the lines that are valid only at the start of a file, each with the reason."""
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
