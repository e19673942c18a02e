"""A section of a bundle, also an edited one -> the bytes of its file."""

import ast
import binascii
import re
import tokenize
from io import BytesIO

from lib.base.errors import InputError
from lib.base.files import sha256_bytes
from lib.bundler.encode_text import encode_text
from lib.bundler.show_code import CLOSING, OPENING
from lib.bundler.unbundling.read_script import STAGE, Part

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
    readers = {"text": _read_quoted, "note": _read_note, "code": _read_code}
    if kind not in readers:
        said = f"{shown}: {part.row.path} has the form {kind!r}, which is none here"
        raise InputError(STAGE, f"{said}; cure: unbundle it by the version that made it")
    return read_text(readers[kind](part, shown), part, shown)


def list_outside(part: Part) -> list[tuple[int, str]]:
    """A section in quotes -> (number, line) of those above and below its quotes, which say nothing.

    Comments above the `if 0:` of a section of code are taken into its file.
    """
    if part.row.form.split(",")[0] not in ("text", "base64"):
        return []
    opening, closing = _find_quotes(part)
    numbered = list(enumerate(part.lines, part.first))
    return [(n, line) for n, line in numbered[:opening] + numbered[closing + 1 :] if line.strip()]


def _find_quotes(part: Part) -> tuple[int, int]:
    """A section in quotes -> the places of the lines with these, equal where one is not found."""
    kinds = {prefix + quote: quote for prefix in ("", "r") for quote in _QUOTES}
    lines = [line.strip() for line in part.lines]
    opening = next((n for n, line in enumerate(lines) if line in kinds), 0)
    quote = kinds.get(lines[opening]) if lines else None
    below = range(len(lines) - 1, opening, -1)
    return opening, next((n for n in below if lines[n] == quote), opening)


def _read_quoted(part: Part, shown: str) -> list[str]:
    """A section between two lines of quotes -> its file's lines."""
    opening, closing = _find_quotes(part)
    if opening == closing:
        said = f"{shown}:{part.first}: the quotes around {part.row.path} are gone"
        raise InputError(STAGE, f"{said}; cure: put them back, below and above the banners")
    return list(part.lines[opening + 1 : closing])


def _read_note(part: Part, shown: str) -> list[str]:
    """A section behind "#   " -> its file's lines."""
    read = []
    for number, line in enumerate(part.lines, part.first):
        if line.strip() and not line.startswith("#"):
            raise _refuse_left(part, shown, number, line, "put `#   ` before it")
        read.append(line.removeprefix(_HIDDEN))
    return read


def _read_base64(part: Part, shown: str) -> bytes:
    lines = _read_quoted(part, shown)
    try:
        return binascii.a2b_base64("\n".join(lines).encode(), strict_mode=False)
    except (binascii.Error, UnicodeEncodeError) as error:
        said = f"{shown}:{part.first}: {part.row.path} cannot be read as base64 ({error})"
        raise InputError(
            STAGE, f"{said}; cure: take these lines from the bundle as built"
        ) from None


def _read_code(part: Part, shown: str) -> list[str]:
    """A section of code -> its file's lines.

    What stands at the very left are lines that the builder hid behind a "#", or an editor's
    comments; these stay as they are.
    """
    numbered = list(enumerate(part.lines, part.first))
    opening = next((n for n, line in enumerate(part.lines) if line.startswith(OPENING)), None)
    if opening is None:
        said = f"{shown}:{part.first}: the line `{OPENING}` above {part.row.path} is gone"
        raise InputError(STAGE, f"{said}; cure: put it back below the banner")
    own = [(number, line) for number, line in numbered[:opening] if line.strip()]
    own += [each for each in numbered[opening + 1 :] if each[1].rstrip() != CLOSING]
    hidden = _find_hidden([line for _, line in own])
    read = []
    for place, (number, line) in enumerate(own):
        if place in hidden or line.startswith(_INDENT):
            read.append(line[4:])
        elif not line.strip() or line.lstrip(" ").startswith("#"):
            read.append(line)
        else:
            cure = "indent it by four more, as the lines around it"
            raise _refuse_left(part, shown, number, line, cure)
    return read


def _refuse_left(part: Part, shown: str, number: int, line: str, cure: str) -> InputError:
    said = f"{shown}:{number}: {line.strip()!r} stands left of its section, {part.row.path}"
    return InputError(STAGE, f"{said}; cure: {cure}")


def _find_hidden(lines: list[str]) -> set[int]:
    """Lines of a code section -> the places of those that the builder put behind "#   "."""
    places: set[int] = set()
    for start, line in enumerate(lines):
        if start in places or not line.startswith(_HIDDEN):
            continue
        if "\f" in line and not line[4:].strip():
            places.add(start)
            continue
        for end in range(start, len(lines)):
            if lines[end] and not lines[end].startswith(_HIDDEN):
                break
            if _begins_with_future("\n".join(each[4:] for each in lines[start : end + 1])):
                places |= {n for n in range(start, end + 1) if lines[n]}
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
