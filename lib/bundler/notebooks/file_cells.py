"""Files of a program <-> the cells of a notebook that write them, byte for byte.

A text stands in its cell as it is, below %%writefile. Where IPython would change it, or its bytes
are not the usual ones, each line stands behind a "|" in a string. All else stands in base64.
"""

import ast
import base64
import json
import re

_WRITE = "%%writefile {source}/"  # IPython fills in the folder that the set-up cell has made
_PLAIN_PATH = re.compile(r"[\w./+-]+")
_PROMPT = re.compile(r"\s*(>>>|\.{3}|In \[)")
_DOCTEST = re.compile(r"\s*>>>")
_QUOTES = re.compile(r"(?<!\\)(\"\"\"|''')")
_PREFIX = re.compile(r"\s*[rubfRUBF]*")
_BLANKS = re.compile(r"^[^\S\n]+$", re.MULTILINE)
_CONTROLS = re.compile(r"[\0-\x08\x0b\x0e-\x1f\x7f\x85\u2028\u2029\ufeff]")
_WRITTEN = re.compile(
    r"^written = Path\(source, ([\"'].*?[\"'])\)\.write_bytes\((.*)\)\s*\Z", re.M | re.S
)
_QUOTED = re.compile(
    r"\"(\\r\\n|\\n|\\r)\"\.join\(\n    line\.removeprefix\(\"\|\"\) for line in r(\"\"\"|''')\n"
    r"(.*)\2\.split\(\"\\n\"\)\[1:(-1)?\]\)\.encode\(\"([\w-]+)\"\)",
    re.S,
)
_BASE64 = re.compile(r"base64\.b64decode\(\"\"\"\n(.*)\"\"\"\)", re.S)
_ENDS = {"\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}


def write_file(path: str, raw: bytes, codec: str = "utf-8") -> str:
    """(path from the source folder, bytes, their codec) -> the cell that writes them."""
    if _survives(path, raw):
        text = raw.decode()  # IPython ends the last line itself where it has no newline
        return f"{_WRITE}{path}\n" + (text if text.endswith("\n\n") else text.removesuffix("\n"))
    lines = ["from pathlib import Path", ""]
    value = _quote_lines(raw, codec) if raw else 'b""'
    if not value:
        lines.insert(0, "import base64")
        value = f'base64.b64decode("""\n{base64.encodebytes(raw).decode()}""")'
    place = json.dumps(path, ensure_ascii=False) if path.isprintable() else repr(path)
    return "\n".join([*lines, f"written = Path(source, {place}).write_bytes({value})"])


def read_file(cell: str) -> tuple[str, bytes] | None:
    """The text of a cell -> (path from the source folder, bytes) that it writes; None: no file.

    ValueError: it writes a file, but by a statement that `write_file` does not make.
    """
    if cell.startswith(_WRITE):
        path, _, text = cell.removeprefix(_WRITE).partition("\n")
        return path.strip(), (text if text.endswith("\n") else f"{text}\n").encode()
    written = _WRITTEN.search(cell)
    if written is None:
        return None
    path = str(ast.literal_eval(written[1]))
    if written[2] == 'b""':
        return path, b""
    if encoded := _BASE64.fullmatch(written[2]):
        return path, base64.b64decode(encoded[1])
    quoted = _QUOTED.fullmatch(written[2])
    if quoted is None:
        raise ValueError("its bytes stand there in another way than the bundle had them")
    lines = [line.removeprefix("|") for line in quoted[3].split("\n")]
    return path, _ENDS[quoted[1]].join(lines[:-1] if quoted[4] else lines).encode(quoted[5])


def _survives(path: str, raw: bytes) -> bool:
    """Tell whether %%writefile would write exactly these bytes.

    IPython takes prompts such as `>>>` out of a cell, and blanks out of its empty lines.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    if not text.strip() or not text.endswith("\n") or "\r" in text or _CONTROLS.search(text):
        return False
    is_plain = _PLAIN_PATH.fullmatch(path) and not _PROMPT.match(text) and not _BLANKS.search(text)
    return bool(is_plain) and _keeps_doctests(text)


def _keeps_doctests(text: str) -> bool:
    """Tell whether every line with a prompt stands in a string whose quotes begin their line.

    IPython leaves those alone. So a docstring keeps its examples; after `HELP =` it would not.
    """
    quotes, is_kept = "", False
    for line in text.split("\n"):
        if _DOCTEST.match(line) and not (quotes and is_kept):
            return False
        for found in _QUOTES.finditer(line):
            if not quotes:
                quotes = found[0]
                is_kept = bool(_PREFIX.fullmatch(line[: found.start()]))
            elif quotes == found[0]:
                quotes = ""
    return True


def _quote_lines(raw: bytes, codec: str) -> str:
    """(bytes, codec) -> an expression for them that shows their lines; empty: there is none."""
    try:
        text = raw.decode(codec)
    except (UnicodeError, LookupError):
        return ""
    if codec == "utf-8" and text.startswith("\ufeff"):
        text, codec = text[1:], "utf-8-sig"
    name = next((one for one in ("\\r\\n", "\\r") if _ENDS[one] in text), "\\n")
    lines = text.split(_ENDS[name])
    has_end = lines[-1] == ""
    shown = "".join(f"|{line}\n" for line in (lines[:-1] if has_end else lines))
    quotes = next((one for one in ("'''", '"""') if one not in shown), "")
    is_same = _ENDS[name].join(lines).encode(codec) == raw  # some codecs have two ways
    if not quotes or not is_same or "\r" in shown or _CONTROLS.search(shown):
        return ""
    if any("\n" in line for line in lines):
        return ""
    cut = "[1:]" if has_end else "[1:-1]"
    return (
        f'"{name}".join(\n    line.removeprefix("|") for line in r{quotes}\n{shown}{quotes}'
        f'.split("\\n"){cut}).encode("{codec}")'
    )
