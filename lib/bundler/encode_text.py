"""A file's text in a bundle, and its form -> the bytes of that file.

Every bundle holds this module among the parts of its runtime, so it stands on its own.
"""

import binascii

ENDS = {"n": "\n", "r": "\r", "c": "\r\n"}  # letters of a run-length word such as ends=3n2r


def encode_text(text: str, form: str) -> bytes:
    """(text, form such as "code,latin-1,crlf,noeol") -> bytes, every one as the file has them.

    A form is one of code, text, note and base64, then words: a codec, `bom`, `crlf` or `cr` for all
    ends of lines, `ends=3n2r` for mixed ones, of which the last kind goes on, and `noeol` where
    the last line has no end.
    """
    kind, *words = form.split(",")
    if kind == "base64":
        return binascii.a2b_base64(text)
    if "noeol" in words:
        text = text.removesuffix("\n")
    codec, mark = "utf-8", b""
    for word in words:
        if word == "bom":
            mark = b"\xef\xbb\xbf"
        elif word in ("crlf", "cr"):
            text = text.replace("\n", "\r\n" if word == "crlf" else "\r")
        elif word.startswith("ends="):
            text = _end_lines(text, word.removeprefix("ends="))
        elif word != "noeol":
            codec = word
    return mark + text.encode(codec)


def _end_lines(text: str, runs: str) -> str:
    """(text, "3n2r") -> the text with these ends of its lines."""
    ends, count = [], ""
    for letter in runs:
        if letter in ENDS:
            ends += [ENDS[letter]] * int(count)
        count = "" if letter in ENDS else count + letter
    *lines, last = text.split("\n")
    ends += ends[-1:] * len(lines)
    return "".join([line + end for line, end in zip(lines, ends, strict=False)]) + last
