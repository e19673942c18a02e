"""A bundle's text, edited or not -> its table, what stands above its files, and their sections."""

import re
from dataclasses import dataclass

from lib.base.errors import InputError

RUNTIME = "__bundle__/"  # before the paths of the runtime's own parts
STAGE = "unbundle"
_HASH = re.compile(r"# content sha256 \(of this text with zeros in its place\): ([0-9a-f]{64})\s*")
_ROW = re.compile(r"#: +(\d+) +(\d+) +(\d+) ([0-9a-f]{64}) (\S+) +(\S.*)")
_HEAD = re.compile(r"# ==== (\S.*?) ?=*\s*")
_FOOT = re.compile(r"# ---- end of (\S.*?) ?-*\s*")
_TITLE = re.compile(r"# #{20} .* #+\s*")
_START = re.compile(r"(with |exec\()__bundle__\(.*|    exec\(__loader__\..*")  # runs the entry
_GUARD = "pass  # so that the string below"
_ANEW = "take the whole file that build.py wrote, or download it anew"


@dataclass(frozen=True)
class Row:
    """One file in the table at a bundle's end."""

    path: str
    sha256: str  # of the file that was bundled
    form: str  # how it stands in the script, and what gives back its bytes


@dataclass(frozen=True)
class Part:
    """One file's section, whatever was done to it."""

    row: Row
    first: int  # the number of its first line, the one below the banner
    lines: tuple[str, ...]  # all between the banners


@dataclass(frozen=True)
class Script:
    """A bundle as it was read."""

    entry: str  # the path of the program that runs
    sha256: str  # as the header has it
    preface: str  # Python above the files, such as CONFIG; "" where there is none
    parts: tuple[Part, ...]  # in the order of the table, without the runtime's
    strays: tuple[tuple[int, str], ...]  # (number, line) that stands between sections


def read_script(raw: bytes, shown: str) -> Script:
    """(a script's bytes, its path for messages) -> Script; InputError where it is no bundle."""
    lines = _split_lines(raw, shown)
    top = next((number for number, line in enumerate(lines) if _HASH.fullmatch(line)), None)
    if top is None:
        said = f"{shown} is no bundle: no line tells a content sha256"
        raise InputError(STAGE, f"{said}; cure: name a file that build.py made")
    sha256 = lines[top].split()[-1]
    rows = _read_table(lines, shown)
    own = [row for row in rows if not row.path.startswith(RUNTIME)]
    banners = _find_banners(lines, rows, shown)
    parts = []
    for row in own:
        start, end = banners[row.path]
        parts.append(Part(row, start + 2, tuple(lines[start + 1 : end])))
    preface, above = _read_preface(lines, top, min(start for start, _ in banners.values()))
    strays = _list_strays(lines, banners, above)
    return Script(own[-1].path, sha256, preface, tuple(parts), strays)


def _split_lines(raw: bytes, shown: str) -> list[str]:
    """The bytes of a text, whatever ends an editor gave its lines -> its lines."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"{shown} is no bundle: it is not UTF-8 ({error.reason}, byte {error.start})"
        raise InputError(STAGE, f"{said}; cure: name a file that build.py made") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_rows(lines: list[str]) -> list[Row]:
    """Lines -> the rows of a table in them."""
    found = [_ROW.fullmatch(line.rstrip()) for line in lines]
    return [Row(row[6], row[4], row[5]) for row in found if row]


def _read_table(lines: list[str], shown: str) -> list[Row]:
    """The lines of a bundle -> the rows of the table at its end; it must be whole."""
    starts = [number for number, line in enumerate(lines) if line.startswith("#  first lines ")]
    tail = lines[starts[-1] :] if starts else []
    rows = read_rows(tail)
    if not rows or not any("__bundle__(" in line for line in tail):
        said = f"{shown}:{len(lines)}: the bundle was cut short: its table of files is not whole"
        raise InputError(STAGE, f"{said}; cure: {_ANEW}")
    return rows


def _find_banners(lines: list[str], rows: list[Row], shown: str) -> dict[str, tuple[int, int]]:
    """(lines, rows) -> path -> the places of its two banners, counted from 0."""
    known = {row.path for row in rows}
    heads, feet = _place_all(_HEAD, lines, known), _place_all(_FOOT, lines, known)
    found = {}
    for path in known:
        places = heads.get(path, []), feet.get(path, [])
        for kind, numbers in zip(("first", "last"), places, strict=True):
            if len(numbers) != 1:
                at = " and ".join(str(number + 1) for number in numbers)
                how = f"stands twice, lines {at}" if numbers else "is gone"
                said = f"{shown}: the {kind} banner of {path} {how}"
                cure = "delete the copy" if numbers else f"{_ANEW}, and edit between the banners"
                raise InputError(STAGE, f"{said}; cure: {cure}")
        found[path] = (places[0][0], places[1][0])
    _refuse_nested(found, shown)
    return found


def _place_all(banner: re.Pattern[str], lines: list[str], known: set[str]) -> dict[str, list[int]]:
    """(pattern, lines, paths of the table) -> path -> the places of such banners of it."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        match = banner.fullmatch(line) if line.startswith("# ") else None
        if match and match[1] in known:
            found.setdefault(match[1], []).append(number)
    return found


def _refuse_nested(banners: dict[str, tuple[int, int]], shown: str) -> None:
    """Raise InputError where a section begins before the one above it has ended."""
    last_end, last_path = -1, ""
    for path, (start, end) in sorted(banners.items(), key=lambda each: each[1]):
        if start < last_end or end < start:
            said = f"{shown}:{start + 1}: the section of {path} overlaps that of {last_path}"
            raise InputError(STAGE, f"{said}; cure: put the banners back in their order")
        last_end, last_path = end, path


def _read_preface(lines: list[str], top: int, first: int) -> tuple[str, int]:
    """(lines, place of the hash, of the first section) -> (preface, the place where it ends)."""
    start = top
    while start < first and lines[start].startswith("#"):
        start += 1
    end = start
    while end < first and not (lines[end].startswith("# ==== ") or _TITLE.fullmatch(lines[end])):
        end += 1
    kept = [line for line in lines[start:end] if not line.startswith(_GUARD)]
    return "\n".join(kept).strip("\n"), end


def _list_strays(
    lines: list[str], banners: dict[str, tuple[int, int]], above: int
) -> tuple[tuple[int, str], ...]:
    """(lines, banners, the preface's end) -> lines that the builder did not write, in no file.

    The runtime itself is not looked at, but what stands below the table at the end.
    """
    inside = {number for start, end in banners.values() for number in range(start, end + 1)}
    first = min(start for start, _ in banners.values())
    strays = []
    for number in range(above, len(lines)):
        line = lines[number]
        if line.startswith("# ==== runtime "):
            break
        is_contents = number < first and line.startswith("#")
        is_ours = is_contents or _TITLE.fullmatch(line) or line.startswith(_GUARD)
        if number not in inside and line.strip() and not is_ours:
            strays.append((number + 1, line))
    last = max(number for number, line in enumerate(lines) if _ROW.fullmatch(line.rstrip()))
    below = enumerate(lines[last + 1 :], last + 2)
    strays += [(n, line) for n, line in below if line.strip() and not _START.fullmatch(line)]
    return tuple(strays)
