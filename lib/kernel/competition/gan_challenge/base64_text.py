"""A field's text -> the bytes that its base64 stands for, repaired where its spelling is odd."""

import binascii
import html
import re
from urllib.parse import unquote

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")  # RFC 4648, section 5
_BLANKS = b" \t\n\r\v\f\x1c\x1d\x1e\x1f"
_UNSEEN = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # without a width
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/]")
_BEYOND_ASCII = re.compile(r"[^\0-\x7f]")
_PREFIX = re.compile(r"data:[^,]*,|(?:image/[\w.+-]+;)?base64[,:]", re.IGNORECASE)
_ESCAPE = re.compile(r"\\{1,4}(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([nrt])|([/\"'\n]))")
_ODD_LIMIT, _ODD_LENGTH = 1 << 16, 1 << 23  # odd signs, and the length of a text that has some


def decode_strictly(text: object) -> bytes | None:
    """Base64 text -> bytes; None where it is not strictly valid."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def decode_repaired(text: object) -> bytes | None:
    """Base64 text in an odd spelling -> bytes; None where no repair helps.

    Repaired are blanks, wrong padding, the URL alphabet, a data: prefix, quotes around it as in
    b'...', and signs written as escapes of JSON, Python, URLs or HTML. Other signs, or a length
    that no bytes give, are beyond repair.
    """
    if not isinstance(text, str):
        return None
    odd = len(text) - len(text.encode("ascii", "ignore")) + sum(map(text.count, "\\%&"))
    if odd > _ODD_LIMIT or (odd and len(text) > _ODD_LENGTH):
        return None  # it would take too long
    if odd:
        text = _ESCAPE.sub(_read_escape, html.unescape(unquote(text)))
        text = _BEYOND_ASCII.sub(_drop_blank, text)
    text = _strip_quotes(text)
    text = _strip_quotes(text[found.end() :] if (found := _PREFIX.match(text)) else text)
    raw = text.encode("ascii", "replace").translate(_TO_STANDARD, _BLANKS).rstrip(b"=")
    if len(raw) % 4 == 1 or _FOREIGN.search(raw):
        return None
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))


def _read_escape(found: re.Match[str]) -> str:
    """An escape of JSON or Python -> its sign; a line's end and a tab are blanks."""
    unicode, hexadecimal, blank, sign = found.groups()
    if blank:
        return " "
    return sign or chr(int(unicode or hexadecimal, 16))


def _drop_blank(found: re.Match[str]) -> str:
    """A sign beyond ASCII -> nothing, if it is not seen on paper; else the sign."""
    sign = found[0]
    return "" if sign.isspace() or sign in _UNSEEN else sign


def _strip_quotes(text: str) -> str:
    """A text -> the same without blanks, quotes and Python's b around it."""
    text = text.strip()
    if text[:2] in ("b'", 'b"', "B'", 'B"'):
        text = text[1:]
    return text.strip("'\"` \t\r\n")
