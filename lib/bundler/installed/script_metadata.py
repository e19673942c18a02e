"""An entry's text and the packages it needs -> the block of PEP 723 at the top of its bundle."""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError
from lib.bundler.analysis.graph import Graph
from lib.bundler.differences import Difference
from lib.bundler.installed.distributions import Installed, normalize_name
from lib.bundler.installed.import_names import find_dependencies
from lib.bundler.sources import bundle_error

# The specification's own expression; `type` is "script" in all blocks that have a meaning today.
_BLOCK = re.compile(
    r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$",
)
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*'
    r"|[\[\]{},=\n]|[^\s\[\]{},=\"'#]+|[ \t]+",
    re.DOTALL,
)
# Distributions of which one stands for another, as they hold the same modules.
_FAMILIES = [
    re.compile(words)
    for words in (
        r"opencv-(contrib-)?python(-headless)?",
        r"psycopg2(-binary)?",
        r"faiss(-cpu|-gpu.*)",
        r"cu(py|df|ml)(-cuda?\d+\w*)?",
        r"tensorflow(-cpu|-gpu|-intel|-macos)?",
        r"onnxruntime(-gpu|-directml|-openvino)?",
        r"pillow(-simd)?",
    )
]


@dataclass(frozen=True)
class Block:
    """A block of PEP 723 as it stands in a text, without a newline at its end."""

    text: str
    line: int  # of its first line


@dataclass(frozen=True)
class Top:
    """What must stay at the top of a bundle, in column 0."""

    shebang: str  # the entry's first line where that is one; else empty
    blocks: tuple[Block, ...]  # a valid program has one at most

    @property
    def block(self) -> str:
        """The text of the entry's block; empty for none, and for several, which no tool reads."""
        return self.blocks[0].text if len(self.blocks) == 1 else ""


def split_top(text: str) -> Top:
    """An entry's text -> its shebang and its blocks of the type "script"."""
    first = text.partition("\n")[0]
    blocks = tuple(
        Block(match[0], text.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(text)
        if match["type"] == "script"
    )
    return Top(first if first.startswith("#!") else "", blocks)


def make_top(
    text: str, graph: Graph, shown: str, is_wanted: bool
) -> tuple[str, str, list[Difference]]:
    """(an entry's text, what it reaches, its path, --pep723) -> (shebang, block, doubts).

    Without --pep723 the entry's own block stays as it is, even with a mistake in it: Python does
    not read it.
    """
    top = split_top(text)
    if not is_wanted:
        return top.shebang, top.block, []
    names, doubts = find_dependencies(graph, Installed(), is_told=not top.blocks)
    return top.shebang, write_block(top, names, shown), doubts


def write_block(top: Top, dependencies: Iterable[str], shown: str) -> str:
    """(an entry's top, names of distributions, the entry's path) -> the block to show.

    The entry's own block stays byte for byte, but for what it lacks.
    """
    python = ">={}.{}".format(*sys.version_info[:2])
    wanted = sorted(set(dependencies))
    if not top.blocks:
        listed = _show_list(wanted)
        lines = ["/// script", f'requires-python = "{python}"', f"dependencies = {listed}", "///"]
        return "\n".join(f"# {line}" for line in "\n".join(lines).split("\n"))
    own = read_block(top, shown)
    missing = [one for one in wanted if not _is_listed(one, own.get("dependencies", []))]
    text = top.blocks[0].text
    if missing:
        text = _add_dependencies(text, missing, "dependencies" in own)
    if "requires-python" not in own:
        text = text.replace("\n", f'\n# requires-python = "{python}"\n', 1)
    _check_addition(text, own, missing, bundle_place=(shown, top.blocks[0].line))
    return text


def read_block(top: Top, shown: str) -> dict[str, Any]:
    """An entry's top -> what its only block says; InputError names the line of a mistake."""
    if len(top.blocks) > 1:
        problem = "a second block `# /// script`, where PEP 723 allows one"
        raise bundle_error(shown, top.blocks[1].line, problem, "make one of both")
    block = top.blocks[0]
    try:
        found = tomllib.loads(_uncomment(block.text))
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"\(at line (\d+)", str(error))
        inner = int(told[1]) if told else block.text.count("\n")
        problem = f"the block `# /// script` is no TOML: {str(error).partition(' (at')[0]}"
        raise bundle_error(shown, block.line + inner, problem, "correct the line") from None
    listed = found.get("dependencies", [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _wrong_field(block, shown, "dependencies", "a list of strings")
    if not isinstance(found.get("requires-python", ""), str):
        raise _wrong_field(block, shown, "requires-python", "a string")
    return found


def _wrong_field(block: Block, shown: str, key: str, wanted: str) -> InputError:
    lines = block.text.split("\n")
    inner = next((n for n, line in enumerate(lines) if line[1:].strip(" \"'").startswith(key)), 0)
    problem = f"in the block `# /// script`, {key} is not {wanted}"
    return bundle_error(shown, block.line + inner, problem, f"make it {wanted}")


def _uncomment(block: str) -> str:
    """A block -> its TOML, as the specification's reference reads it."""
    lines = block.split("\n")[1:-1]
    return "".join([line[2 if line.startswith("# ") else 1 :] + "\n" for line in lines])


def _show_list(names: Sequence[str]) -> str:
    inner = "".join(f"    {json.dumps(one)},\n" for one in names)
    return f"[\n{inner}]" if names else "[]"


def _is_listed(wanted: str, own: Sequence[str]) -> bool:
    """Tell whether a block's dependencies hold a distribution, or one that stands for it."""
    name = _bare_name(wanted)
    for other in map(_bare_name, own):
        if name == other or any(f.fullmatch(name) and f.fullmatch(other) for f in _FAMILIES):
            return True
    return False


def _bare_name(dependency: str) -> str:
    match = _NAME.match(dependency)
    return normalize_name(match[1]) if match else dependency


def _add_dependencies(block: str, missing: Sequence[str], is_listed: bool) -> str:
    """A block and names that it lacks -> the block with them, all else as it was."""
    place = _find_array(block) if is_listed else None
    if place is None:
        lines = f"dependencies = {_show_list(missing)}".split("\n")
        return block.replace("\n", "\n" + "".join(f"# {line}\n" for line in lines), 1)
    opened, last, closed = place  # the bracket, the end of what stands before the other, that one
    quoted = [json.dumps(one) for one in missing]
    comma = "" if block[last - 1] in ",[" else ","
    if "\n" not in block[opened:closed]:
        space = " " if block[last - 1] != "[" else ""
        return f"{block[:last]}{comma}{space}{', '.join(quoted)}{block[last:]}"
    above = block.rindex("\n", 0, last) + 1  # the start of the last item's line
    found = re.match(r"# *", block[above:])
    indent = found[0] if found and above > opened else "#     "
    added = "".join(f"{indent}{one},\n" for one in quoted)
    start = block.rindex("\n", 0, closed) + 1
    if block[start:closed].strip("# \t") == "":
        return f"{block[:last]}{comma}{block[last:start]}{added}{block[start:]}"
    return f"{block[:last]}{comma}\n{added}# {block[last:].lstrip()}"


def _find_array(block: str) -> tuple[int, int, int] | None:
    """A block -> where the value of `dependencies` opens, its last item ends, and it closes."""
    masked = re.sub(r"(?m)^# ?", lambda match: " " * len(match[0]), block)
    start = block.index("\n")
    masked = " " * start + masked[start:]
    depth, opened, last, words = 0, -1, 0, ""
    for token in _TOKEN.finditer(masked, start):
        text = token[0]
        if text.isspace() or text.startswith("#"):
            words = "" if text == "\n" and depth == 0 else words
            continue
        if text == "]" and depth == 1 and opened >= 0:
            return opened, last, token.start()
        if text in ("[", "{"):
            if depth == 0 and not words:
                return None  # a table's heading: what follows is not at the top
            if depth == 0 and re.fullmatch(r"[\"']?dependencies[\"']?=", words):
                opened = token.start()
            depth += 1
        elif text in ("]", "}"):
            depth -= 1
        words += text
        last = token.end()
    return None


def _check_addition(
    text: str, own: dict[str, Any], missing: Sequence[str], bundle_place: tuple[str, int]
) -> None:
    """Make sure that a changed block says what the entry's own did, and the additions."""
    found = [match for match in _BLOCK.finditer(text) if match[0] == text]
    said = tomllib.loads(_uncomment(text)) if found else {}
    expected = {**own, "dependencies": [*own.get("dependencies", []), *missing]}
    if "dependencies" not in own and not missing:
        del expected["dependencies"]
    said_rest = {key: said[key] for key in said if key in expected}
    if said_rest != expected:
        problem = f"the block `# /// script` lacks {', '.join(missing)}"
        raise bundle_error(*bundle_place, problem, "add them to its dependencies")
