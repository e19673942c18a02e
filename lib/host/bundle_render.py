"""Sections -> the script that shows them, with its table of lines and its hash."""

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path

import jinja2

from lib.host.bundle_sections import Section
from lib.kernel.storage import sha256_bytes

TEMPLATES = Path(__file__).resolve().parents[2] / "kernel_template"
_NO_HASH = "0" * 64
_PLACE = "\0"  # stands for a line whose number is asked; no source can hold it


@dataclass(frozen=True)
class Layout:
    """All that the template shows."""

    name: str  # of the entry, whose section is the last of `files`
    preface: str
    files: tuple[Section, ...]
    parts: tuple[Section, ...]  # of the runtime
    disk: str  # why the files must be unpacked; empty: they need not
    moved: bool  # whether the entry's own __file__ lies among the unpacked files


def render_script(layout: Layout) -> tuple[str, str]:
    """A Layout -> (the script, the sha256 of that script with zeros in the hash's place).

    It is rendered twice: the line numbers in the table are known only after the first time.
    """
    sections = (*layout.files, *layout.parts)
    holders = [dataclasses.replace(one, lines=(_PLACE,) * len(one.lines)) for one in sections]
    draft = _fill_template(layout, holders, [0] * len(sections)).split("\n")
    places = iter([number for number, line in enumerate(draft, 1) if line == _PLACE])
    firsts = [min([next(places) for _ in one.lines], default=0) for one in sections]
    text = _fill_template(layout, sections, firsts)
    sha256 = sha256_bytes(text.encode())
    return text.replace(_NO_HASH, sha256, 1), sha256


def find_fault(text: str) -> tuple[int, str] | None:
    """A script -> (line, what the compiler says against it), or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(text, "bundle", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, str(error.msg)
    return None


def _fill_template(
    layout: Layout, sections: list[Section] | tuple[Section, ...], firsts: list[int]
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    count = len(layout.files) - 1
    return environment.get_template("bundle.py.j2").render(
        name=layout.name,
        files=f"{count} file{'s' * (count != 1)}",
        preface=layout.preface.strip("\n"),
        rows=[_table_row(one, first) for one, first in zip(sections, firsts, strict=True)],
        sections=sections,
        disk=layout.disk,
        moved=layout.moved,
        sha256=_NO_HASH,
    )


def _table_row(section: Section, first: int) -> str:
    numbers = f"{first:6d} {len(section.lines):5d} {section.size:6d}"
    return f"{numbers} {section.sha256} {section.form_and_codec:6} {section.path}"
