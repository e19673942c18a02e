"""A file's bytes -> its lines in a bundle, and the form that gives the bytes back."""

import base64
import codecs
import dataclasses
import re
from dataclasses import dataclass
from itertools import groupby

from lib.base.files import sha256_bytes
from lib.bundler.encode_text import ENDS, encode_text
from lib.bundler.show_code import OPENING, show_as_code
from lib.bundler.sources import Source

STYLES = ("code", "text", "disk")
PLAIN = ("code", "text", "note")  # forms whose text, as UTF-8, is the file's bytes
_END = re.compile(r"\r\n|\r|\n")
_MISTAKABLE = re.compile(r"^# (====|----|///) ", re.MULTILINE)  # for a banner, a block of PEP 723
_LONGEST_RUNS = 200  # letters of `ends=...` in the table; beyond that base64 reads no worse


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
    words: tuple[str, ...] = ()  # codec, mark and ends of lines, as encode_text takes them

    @property
    def full_form(self) -> str:
        """Form and words, as the script's table has them."""
        return ",".join((self.form, *self.words))


def make_module_section(source: Source, fault: str = "") -> Section:
    """(a module, why it cannot be shown as code or "") -> Section."""
    words = describe_bytes(source.raw, source.codec)
    if words is None:
        return _make_base64(source.path, source.raw, "its text does not give its bytes back")
    section = Section(source.path, (), "text", fault, len(source.raw), source.sha256, words=words)
    if not fault:
        shown = show_as_code(source.text, source.tree)
        fault = shown.fault
    if fault:
        return _quote_text(dataclasses.replace(section, reason=fault), source.text)
    return dataclasses.replace(
        section,
        lines=shown.lines,
        form="code",
        reason=shown.remark,
        opening=OPENING,
        closing=shown.closing,
    )


def make_data_section(path: str, raw: bytes) -> Section:
    """(path, bytes of a data file) -> Section: readable where it is text, else base64."""
    try:
        text = normalise_ends(raw.removeprefix(codecs.BOM_UTF8).decode("utf-8"))
    except UnicodeDecodeError:
        return _make_base64(path, raw, "data that is not UTF-8")
    words = describe_bytes(raw, "utf-8")
    if any(char < " " and char not in "\t\n" for char in set(text)):
        return _make_base64(path, raw, "data with control characters")
    if words is None or len(",".join(words)) > _LONGEST_RUNS:
        return _make_base64(path, raw, "data with mixed ends of lines")
    section = Section(path, (), "text", "data", len(raw), sha256_bytes(raw), words=words)
    return _quote_text(section, text)


def normalise_ends(text: str) -> str:
    """A file's text -> the same with "\\n" at the end of each line, the last one included."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") or not text else f"{text}\n"


def describe_bytes(raw: bytes, codec: str) -> tuple[str, ...] | None:
    """(a text file's bytes, its codec) -> the words by which encode_text gives them back.

    None where no words would: its text then stands for other bytes too.
    """
    words = [] if codec == "utf-8" else [codec]
    words += ["bom"] if raw.startswith(codecs.BOM_UTF8) else []
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode(codec)
    except UnicodeDecodeError:  # it is only carried along
        return None
    ends = _END.findall(text)
    kinds = set(ends)
    if kinds in ({"\r\n"}, {"\r"}):
        words.append("crlf" if "\r\n" in kinds else "cr")
    elif kinds - {"\n"}:
        letters = {end: letter for letter, end in ENDS.items()}
        runs = [f"{len(list(run))}{letters[end]}" for end, run in groupby(ends)]
        words.append(f"ends={''.join(runs)}")
    words += ["noeol"] if text and not text.endswith(("\r", "\n")) else []
    again = encode_text(normalise_ends(text), ",".join(["text", *words]))
    return tuple(words) if again == raw else None


def _make_base64(path: str, raw: bytes, reason: str) -> Section:
    lines = tuple(base64.encodebytes(raw).decode().splitlines())
    return Section(path, lines, "base64", reason, len(raw), sha256_bytes(raw), '"""', '"""')


def _quote_text(section: Section, text: str) -> Section:
    """(Section, text) -> its lines in a raw string, or behind "#" where they cannot be in one.

    That is where both kinds of quotes occur, or a line that a reader of the script would mistake.
    """
    lines = tuple(text.split("\n")[:-1])
    for quote in ("'''", '"""'):
        if quote not in text and not _MISTAKABLE.search(text):
            return dataclasses.replace(section, lines=lines, opening="r" + quote, closing=quote)
    lines = tuple(f"#   {line}" if line else "" for line in lines)
    return dataclasses.replace(section, lines=lines, form="note")
