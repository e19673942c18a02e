"""A text from outside -> one printable line of bounded length, also as a cell of a table."""

import hashlib

MOST = 256  # characters; what is longer is cut and ends in its hash
_MARK = " (cut, sha256 "
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # with these spreadsheets begin what they compute


def as_one_line(text: str) -> str:
    """A text -> the same, escaped where line ends or lone surrogates would break a file of lines.

    A longer text than MOST characters is cut; its end then tells its hash.
    """
    if len(text) <= MOST and text.isprintable():
        return text
    line = _escape(text[: MOST + 1])
    if len(line) <= MOST:
        return line
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    end = f"{_MARK}{digest[:16]})"
    return line[: MOST - len(end)] + end


def is_cut(line: str) -> bool:
    """Tell whether as_one_line cut this line."""
    return len(line) == MOST and _MARK in line


def as_cell(text: str) -> str:
    """A text -> one that spreadsheets show and never compute: an apostrophe stands in front."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _escape(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
