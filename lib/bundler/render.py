"""Sections -> the script that holds them, with its table of lines and its hash."""

import dataclasses
import json
import pkgutil
import warnings
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from lib.base.files import sha256_bytes
from lib.bundler.chapters import Arranged
from lib.bundler.sections import PLAIN, Section, make_module_section
from lib.bundler.sources import parse_source

_TEMPLATES = "../../kernel_template"  # from this package
_NO_HASH = "0" * 64
_HEAD = """\
# $name, bundled with $files behind it. Written by build.py: edit the files, not this one.
# content sha256 (of this text with zeros in its place): $sha256
#
# Each file stands below as it is, indented by four. Nothing of that runs where it stands: the
# runtime at the end imports it as a module of its own, whose tracebacks name its own file and line.
"""
_HASH = "# content sha256 (of this text with zeros in its place): $sha256"
_TABLE = """\
# ==== files ======================================================================================
#  first lines  bytes sha256                                                           form   file
"""
_PLACE = "\0"  # marks a line whose number is wanted; no source can hold it


@dataclass(frozen=True)
class Layout:
    """The contents of the script."""

    name: str  # of the entry, whose section is the last of `files`
    head: str  # lines behind a "#" at the top, the first one its title; empty: the usual ones
    preface: str
    files: tuple[Section, ...]
    chapters: tuple[Arranged, ...]  # with the path of every file
    disk: str  # why the files must be unpacked; empty: they need not be
    search: tuple[str, ...] = ("",)  # folders of the bundle on sys.path, the entry's own the first
    late_search: tuple[str, ...] = ()  # the same at the end of sys.path
    cwd_files: tuple[str, ...] = ()  # paths of files that are laid into the working folder
    module: str = ""  # the entry's dotted name where it runs as `python -m` does
    shebang: str = ""  # the first line, as the entry has it
    script_block: str = ""  # the block of PEP 723 without a newline at its end


def render_script(layout: Layout) -> tuple[str, str]:
    """A Layout -> (the script, the sha256 of that script with zeros in the hash's place).

    It is rendered twice, because line numbers are known only after the first time.
    """
    parts = _make_parts(layout)
    sections = (*layout.files, *parts)
    holders = [dataclasses.replace(one, lines=(_PLACE,) * len(one.lines)) for one in sections]
    draft = _show_all(layout, parts, holders, {}).split("\n")
    numbers = {line: number for number, line in reversed(list(enumerate(draft, 1)))}
    places = [number for number, line in enumerate(draft, 1) if line == _PLACE]
    firsts = {}
    for one in sections:
        banner = numbers[_show_banner(one.path)]
        firsts[one.path] = places[bisect(places, banner)] if one.lines else 0
    for chapter in layout.chapters:
        firsts[chapter.title] = numbers.get(_show_title(chapter.title), 0)
    text = _show_all(layout, parts, sections, firsts)
    sha256 = sha256_bytes(drop_shebang(text.encode()))
    return text.replace(_NO_HASH, sha256, 1), sha256


def drop_shebang(script: bytes) -> bytes:
    """A script -> what its hash is of: all but a first line that names an interpreter.

    Whoever installs the script, as pip does, writes another one there.
    """
    return script.partition(b"\n")[2] if script.startswith(b"#!") else script


def _make_parts(layout: Layout) -> tuple[Section, ...]:
    """A Layout -> the parts of the runtime, which a bundle compiles only where it needs them.

    They stand in strings: to parse them at every start would cost as much as half of the runtime.
    """
    on_disk = layout.disk != "" or layout.cwd_files != ()
    needed = {"unpack": on_disk, "errors": layout.disk == "", "seldom": True}
    needed["start_module"] = layout.module != ""
    files = [f"{_TEMPLATES}/bundle_{name}.py" for name, is_so in needed.items() if is_so]
    if on_disk or any(one.full_form not in PLAIN for one in layout.files):
        files.append("encode_text.py")
    shown = [f"__bundle__/{file.rpartition('/')[2].removeprefix('bundle_')}" for file in files]
    return tuple(
        make_module_section(parse_source(path, _read_own(file), file), "seldom needed")
        for path, file in zip(shown, files, strict=True)
    )


def _read_own(path: str) -> bytes:
    """Read a file by its path from here, also where this bundler is itself one script."""
    raw = pkgutil.get_data("lib.bundler", path)
    assert raw is not None, "the loader of this package reads files"
    return raw


def find_fault(text: str) -> tuple[int, str] | None:
    """A script -> (line, the compiler's message), or None where it compiles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(text, "bundle", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, str(error.msg)
    return None


def _show_all(
    layout: Layout,
    parts: Sequence[Section],
    sections: Sequence[Section],
    firsts: Mapping[str, int],
) -> str:
    """(Layout, parts of the runtime, all sections, path or title -> first line) -> the script."""
    by_path = {section.path: section for section in sections}
    preface = layout.preface.strip("\n")
    lines = [
        *([layout.shebang] if layout.shebang else []),
        *([layout.script_block, ""] if layout.script_block else []),
        *_show_head(layout),
        "",
        *([preface, ""] if preface else []),
        *_show_contents(layout.chapters, firsts),
    ]
    first = by_path[layout.chapters[0].paths[0]]
    if first.form in ("text", "base64"):
        lines += ["", "pass  # so that the string below is not this script's own docstring"]
    for chapter in layout.chapters:
        lines += ["", "", _show_title(chapter.title)] if chapter.title else []
        lines += [line for path in chapter.paths for line in _show_section(by_path[path])]
    lines += ["", "", f"# ==== runtime {'=' * 84}", ""]
    lines += [render_runtime(layout)]
    lines += [line for part in parts for line in _show_section(by_path[part.path])]
    rows = [f"#: {_table_row(one, firsts.get(one.path, 0))}" for one in sections]
    lines += [
        "",
        "",
        *_TABLE.splitlines(),
        *rows,
        "",
        *_show_start(layout),
    ]
    return "\n".join([*lines, ""])


def _show_head(layout: Layout) -> list[str]:
    """A Layout -> the lines at the top; the hash is in the second one."""
    count = len(layout.files) - 1
    files = f"{count} file{'s' * (count != 1)}"
    if layout.head:
        title, *rest = [f"# {line}".rstrip() for line in layout.head.strip("\n").split("\n")]
        return [title, Template(_HASH).substitute(sha256=_NO_HASH), *rest]
    shown = Template(_HEAD).substitute(name=layout.name, files=files, sha256=_NO_HASH)
    return shown.splitlines()


def _show_contents(chapters: Sequence[Arranged], firsts: Mapping[str, int]) -> list[str]:
    """Chapters and the numbers of their first lines -> the table of contents."""
    if not any(chapter.title for chapter in chapters):
        return []
    rows = [(f"{firsts.get(one.title, 0):6d}", one.title, one.summary) for one in chapters]
    wide = max(len(title) for _, title, _ in rows)
    shown = [f"#{line}  {title:{wide}}  {summary}".rstrip() for line, title, summary in rows]
    return [f"# ==== contents {'=' * 83}", f"#  line  {'chapter':{wide}}  what it does", *shown]


def _show_title(title: str) -> str:
    return f"# {'#' * 20} {title} {'#' * (75 - len(title))}"


def _show_banner(path: str) -> str:
    return f"# ==== {path} {'=' * max(1, 60 - len(path))}"


def _show_section(section: Section) -> list[str]:
    """A Section -> two empty lines, then its lines between two banners."""
    shown = [*([section.opening] if section.opening else []), *section.lines]
    shown += [section.closing] if section.closing else []
    foot = f"# ---- end of {section.path} "
    return ["", "", _show_banner(section.path), *shown, foot + "-" * max(1, 85 - len(section.path))]


def render_runtime(layout: Layout) -> str:
    """A Layout -> the runtime's text, without a newline at its end.

    A line of the template is kept where the flags of all `#if` around it hold; `#else` turns one
    round. Python could not run the whole template, so it is not a .py file.
    """
    holds = {"disk": layout.disk != "", "text": layout.disk == "", "module": layout.module != ""}
    lines = [line.strip() for line in layout.preface.split("\n")]
    holds["whole"] = any(line and not line.startswith("#") for line in lines)
    kept, flags = [], []
    for line in _read_own(f"{_TEMPLATES}/bundle_runtime.py.in").decode().splitlines():
        if line.startswith("#if "):
            flags.append(holds[line.removeprefix("#if ")])
        elif line == "#else":
            flags[-1] = not flags[-1]
        elif line == "#endif":
            flags.pop()
        elif all(flags):
            kept.append(line.replace("$disk", layout.disk))
    return "\n".join(kept)


def _show_start(layout: Layout) -> list[str]:
    """A Layout -> the last lines, which run the entry."""
    named: dict[str, str | tuple[str, ...]] = {
        "search": layout.search,
        "late_search": layout.late_search,
    }
    named |= {"cwd_files": layout.cwd_files, "module": layout.module}
    usual = {field.name: field.default for field in dataclasses.fields(Layout)}
    words = [f"{key}={_show(value)}" for key, value in named.items() if value != usual[key]]
    call = ", ".join([_show(layout.name), *words])
    run = '    exec(__loader__.get_code("__main__"))'
    return [f"with __bundle__({call}) as __loader__:", run]


def _show(value: str | tuple[str, ...]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _table_row(section: Section, first: int) -> str:
    numbers = f"{first:6d} {len(section.lines):5d} {section.size:6d}"
    return f"{numbers} {section.sha256} {section.full_form:6} {section.path}"
