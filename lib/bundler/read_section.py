"""A section of a bundle, also an edited one -> the bytes of its file."""

import ast
import binascii
import re
import tokenize
from io import BytesIO

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.bundler.encode_text import encode_text
from lib.bundler.read_script import STAGE, Part
from lib.bundler.show_code import CLOSING, OPENING

_INDENT = "    "
_HIDDEN = "#   "  # before a line that is valid only at the start of a file
_WORD = re.compile("bom|crlf|cr|noeol|ends=.*")  # of a form, where it names no codec
_QUOTES = ("'''", '"""')


def read_section(part: Part, shown: str) -> bytes:
    """(a section, the bundle's path for messages) -> its file's bytes.

    A line left of the section's four columns raises InputError with its number and the file.
    """
    kind = part.row.form.split(",")[0]
    if kind == "base64":
        return _read_base64(part, shown)
    if kind == "text":
        lines = _read_quoted(part, shown)[1]
    elif kind == "note":
        lines = [line[4:] if line.startswith(_HIDDEN) else line.lstrip() for line in part.lines]
    else:
        lines = _read_code(part, shown)
    return read_text(lines, part, shown)


def _read_quoted(part: Part, shown: str) -> tuple[int, list[str]]:
    """A section between two lines of quotes -> (number of its first line, the lines between)."""
    lines = part.lines
    opening = next((n for n, line in enumerate(lines) if line.strip() in _openings()), None)
    if opening is not None:
        quote = lines[opening].strip().removeprefix("r")
        below = range(len(lines) - 1, opening, -1)
        closing = next((n for n in below if lines[n].strip() == quote), None)
        if closing is not None:
            return part.first + opening + 1, list(lines[opening + 1 : closing])
    said = f"{shown}:{part.first}: the quotes around {part.row.path} are gone"
    raise InputError(STAGE, f"{said}; cure: put them back, below and above the banners")


def _openings() -> set[str]:
    return {prefix + quote for prefix in ("", "r") for quote in _QUOTES}


def _read_base64(part: Part, shown: str) -> bytes:
    number, lines = _read_quoted(part, shown)
    try:
        return binascii.a2b_base64("\n".join(lines).encode(), strict_mode=False)
    except (binascii.Error, UnicodeEncodeError) as error:
        said = f"{shown}:{number}: {part.row.path} cannot be read as base64 ({error})"
        raise InputError(
            STAGE, f"{said}; cure: take these lines from the bundle as built"
        ) from None


def _read_code(part: Part, shown: str) -> list[str]:
    """A section of code -> its file's lines.

    Lines at the very left are those that the builder hid behind a "#", or comments of an editor.
    """
    opening = next((n for n, line in enumerate(part.lines) if line.startswith(OPENING)), None)
    if opening is None:
        said = f"{shown}:{part.first}: the line `{OPENING}` above {part.row.path} is gone"
        raise InputError(STAGE, f"{said}; cure: put it back below the banner")
    above = [line for line in part.lines[:opening] if line.strip()]
    lines = above + [line for line in part.lines[opening + 1 :] if line.rstrip() != CLOSING]
    number = part.first + opening + 1 - len(above)
    hidden = _find_hidden(lines)
    read = []
    for place, line in enumerate(lines):
        if place in hidden or line.startswith(_INDENT):
            read.append(line[4:])
        elif not line.strip(" \t") or line.lstrip(" ").startswith("#"):
            read.append(line.strip(" \t") if not line.strip(" \t") else line.lstrip(" "))
        else:
            said = f"{shown}:{number + place}: {line.strip()!r} stands left of its section, "
            cure = "indent it by four more, as the lines above"
            raise InputError(STAGE, f"{said}{part.row.path}; cure: {cure}")
    return read


def _find_hidden(lines: list[str]) -> set[int]:
    """Lines of a code section -> the places of those that the builder put behind "#   "."""
    places: set[int] = set()
    for start, line in enumerate(lines):
        if start in places or not line.startswith(_HIDDEN):
            continue
        if not line[4:].strip():  # a form feed
            places.add(start)
            continue
        for end in range(start + 1, len(lines) + 1):
            if end > start + 1 and not lines[end - 1].startswith(_HIDDEN):
                break
            if _begins_with_future("\n".join(each[4:] for each in lines[start:end])):
                places |= set(range(start, end))
                break
    return places


def _begins_with_future(text: str) -> bool:
    """Tell whether a text is Python, and its first line belongs to a `from __future__`."""
    if "__future__" not in text:
        return False
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    futures = (n for n in body if isinstance(n, ast.ImportFrom) and n.module == "__future__")
    return any(node.lineno == 1 for node in futures)


def read_text(lines: list[str], part: Part, shown: str) -> bytes:
    """A file's lines -> its bytes; what an edited .py file says of its encoding counts."""
    text, form = "".join(line + "\n" for line in lines), part.row.form
    try:
        raw = encode_text(text, form)
        if part.row.path.endswith(".py") and sha256_bytes(raw) != part.row.sha256:
            raw = encode_text(text, _declare(text, form))
        return raw
    except (UnicodeError, SyntaxError, LookupError) as error:
        said = f"{shown}:{part.first}: {part.row.path} cannot be encoded ({error})"
        cure = "use letters of its encoding, or declare another one in its first line"
        raise InputError(STAGE, f"{said}; cure: {cure}") from None


def _declare(text: str, form: str) -> str:
    """(an edited module's text, its form) -> the form with the codec that the text declares."""
    words = form.split(",")
    known = [word for word in words[1:] if _WORD.fullmatch(word)]
    if "bom" in known:
        return form
    declared, _ = tokenize.detect_encoding(BytesIO(text.encode()).readline)
    return ",".join([words[0], declared, *known])
