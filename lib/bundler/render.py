"""Sections -> the script that holds them, with its table of lines and its hash."""

import dataclasses
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from lib.base.files import sha256_bytes
from lib.bundler.sections import Section

TEMPLATES = Path(__file__).resolve().parents[2] / "kernel_template"
_NO_HASH = "0" * 64
_HEAD = Template("""\
# $name, bundled with $files behind it. Written by build.py: edit the files, not this one.
# content sha256 (of this text with zeros in its place): $sha256
#
# Each file stands below as it is, indented by four. Nothing of that runs where it stands: the
# runtime imports it as a module of its own, whose tracebacks name its own file and line.
#
#  first lines  bytes sha256                                                           form   file
""")
_PLACE = "\0"  # marks a line whose number is wanted; no source can hold it


@dataclass(frozen=True)
class Layout:
    """The contents of the script."""

    name: str  # of the entry, whose section is the last of `files`
    preface: str
    files: tuple[Section, ...]
    parts: tuple[Section, ...]  # of the runtime
    disk: str  # why the files must be unpacked; empty: they need not be
    moved: bool  # whether the entry's own __file__ lies among the unpacked files


def render_script(layout: Layout) -> tuple[str, str]:
    """A Layout -> (the script, the sha256 of that script with zeros in the hash's place).

    It is rendered twice, because the table's line numbers are known only after the first time.
    """
    sections = (*layout.files, *layout.parts)
    holders = [dataclasses.replace(one, lines=(_PLACE,) * len(one.lines)) for one in sections]
    draft = _show_all(layout, holders, [0] * len(sections)).split("\n")
    places = iter([number for number, line in enumerate(draft, 1) if line == _PLACE])
    firsts = [min([next(places) for _ in one.lines], default=0) for one in sections]
    text = _show_all(layout, sections, firsts)
    sha256 = sha256_bytes(text.encode())
    return text.replace(_NO_HASH, sha256, 1), sha256


def find_fault(text: str) -> tuple[int, str] | None:
    """A script -> (line, the compiler's message), or None where it compiles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(text, "bundle", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, str(error.msg)
    return None


def _show_all(layout: Layout, sections: Sequence[Section], firsts: Sequence[int]) -> str:
    """(Layout, its sections, the first line's number of each or 0) -> the script."""
    count = len(layout.files) - 1
    files = f"{count} file{'s' * (count != 1)}"
    rows = [f"#: {_table_row(one, first)}" for one, first in zip(sections, firsts, strict=True)]
    preface = layout.preface.strip("\n")
    lines = [
        *(_HEAD.substitute(name=layout.name, files=files, sha256=_NO_HASH).splitlines()),
        *[*rows, ""],
        *([preface, ""] if preface else []),
        *[f"# ==== runtime {'=' * 84}", "", render_runtime(layout.disk, layout.moved)],
        *(line for section in sections for line in _show_section(section)),
        *["", "", f"exec(__bundle__({json.dumps(layout.name)}))", ""],
    ]
    return "\n".join(lines)


def _show_section(section: Section) -> list[str]:
    """A Section -> two empty lines, then its lines between two banners."""
    path = section.path
    shown = [*([section.opening] if section.opening else []), *section.lines]
    shown += [section.closing] if section.closing else []
    head, foot = f"# ==== {path} {'=' * (92 - len(path))}", f"# ---- end of {path} "
    return ["", "", head, *shown, foot + "-" * (85 - len(path))]


def render_runtime(disk: str, moved: bool) -> str:
    """(why files are unpacked or "", whether the entry moves too) -> the runtime's text.

    The text has no newline at its end. A line of the template is kept where the flag of the `#if`
    above it holds, or after `#else` where it does not. Python could not run the whole template,
    so it is not a .py file.
    """
    holds = {"disk": disk != "", "text": disk == "", "moved": moved}
    kept, is_on = [], True
    for line in (TEMPLATES / "bundle_runtime.py.in").read_text(encoding="utf-8").splitlines():
        if line.startswith("#if "):
            is_on = holds[line.removeprefix("#if ")]
        elif line == "#else":
            is_on = not is_on
        elif line == "#endif":
            is_on = True
        elif is_on:
            kept.append(line.replace("$disk", disk))
    return "\n".join(kept)


def _table_row(section: Section, first: int) -> str:
    numbers = f"{first:6d} {len(section.lines):5d} {section.size:6d}"
    return f"{numbers} {section.sha256} {section.form_and_codec:6} {section.path}"
