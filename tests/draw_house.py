"""The files of the repository -> the tree and the diagram of imports in docs/DESIGN.md.

`python -m tests.draw_house` writes both; with --check it only tells whether they are as written.
"""

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.test_architecture import (
    FLOORS,
    ROOT,
    TOP,
    breaks_the_rule,
    find_arrows,
    name_room,
)

COMMAND = "python -m tests.draw_house"
DESIGN = "docs/DESIGN.md"
WIDEST = 129
HOW = (
    "An arrow says that a room imports from another one. Where a longer way leads there as well, "
    "the short arrow is left out. Dashed rooms stay on the user's machine; all others ship. "
    "Modules at the top of lib/kernel: {top}."
)
NOT_YET = "Not drawn are imports that break the rule of tests/test_architecture.py: {links}."
ENTRIES = ("build.py", "kernel_template/entry.py.j2")
# What files and folders are that cannot say it themselves.
_NEW = "kernel_template/skeletons"
_NEW = "kernel_template/skeletons"
SAID = {
    "kernel-metadata.json": "What `kaggle kernels push` reads.",
    "kernel_template": "Entry and report (jinja2), the board, and the bundle's runtime.",
    "lib": "All that is imported.",
    _NEW: "What `build.py new` copies; it is checked where it lies, too.",
    f"{_NEW}/images": "A competition of this repository: pictures come in, images.zip goes out.",
    f"{_NEW}/script/input": "Invented tables.",
    f"{_NEW}/script": "A script for any competition: tables come in, submission.csv goes out.",
    "tests": "pytest, in the folders of lib.",
    "tests/bundles": "Packages for the bundler to bundle, and what they print.",
}
COMMENT = re.compile(r'^\s*(?:"""|\{#-?|<!--|# )\s*(?P<text>.+?)\s*(?:"""|-?#\}|-->|$)', re.M)

Link = tuple[str, str]  # two rooms: the first one imports from the second


def describe_file(path: Path) -> str:
    """A module, template or text -> the first line of its docstring or of its first comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    found = COMMENT.search(text)
    return found["text"] if found else ""


def describe_folder(root: Path, folder: Path) -> str:
    """A folder -> the first sentence of its docstring, else what it mirrors."""
    name = folder.relative_to(root).as_posix()
    init = folder / "__init__.py"
    text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) if init.exists() else ""
    sentence = re.split(r"(?<=\.)\s", " ".join((text or "").split()))[0]
    mirrored = folder.parts[-1]
    if name.startswith("tests/") and (root / "lib" / mirrored).is_dir():
        return sentence or f"Tests of lib/{mirrored}."
    return SAID.get(name, sentence)


def list_tree(root: Path, folder: Path, depth: int = 0) -> Iterator[Link]:
    """A folder -> (indented name, description) of itself and of all that it holds, files first."""
    own = folder.relative_to(root).parts
    yield f"{'  ' * depth}{folder.name}/", describe_folder(root, folder)
    if depth and own[0] == "tests":
        return  # of the tests the folders will do, for they mirror lib
    held = [path for path in sorted(folder.iterdir()) if path.name[0] not in "._"]
    for path in held:
        is_test = own[0] == "tests" and path.name.startswith("test_")
        if path.suffix in (".py", ".in", ".j2", ".html") and not is_test:
            yield f"{'  ' * (depth + 1)}{path.name}", describe_file(path)
    for path in held:
        if path.is_dir():
            yield from list_tree(root, path, depth + 1)


def draw_tree(root: Path) -> str:
    """A repository -> its tree as fenced text, a line a file, descriptions in one column."""
    rows = [("build.py", describe_file(root / "build.py"))]
    rows.append(("kernel-metadata.json", SAID["kernel-metadata.json"]))
    for name in ("kernel_template", "lib", "tests"):
        if (root / name).is_dir():
            rows += list_tree(root, root / name)
    column = max(len(name) for name, _ in rows) + 2
    lines: list[str] = []
    for name, text in rows:
        line = f"{name:<{column}}{text}".rstrip()
        lines += textwrap.wrap(line, WIDEST, subsequent_indent=" " * column)
    return "\n".join(["```text", *lines, "```"])


def read_links(root: Path) -> tuple[set[Link], set[Link]]:
    """A repository -> imports between rooms: those that keep the rule, those that break it."""
    kept: set[Link] = set()
    broken: set[Link] = set()
    for arrow in find_arrows(root):
        source, target = (name_room(module) for module in arrow)
        if source != target:
            (broken if breaks_the_rule(arrow) else kept).add((source, target))
    for entry in ENTRIES:
        text = (root / entry).read_text(encoding="utf-8")
        for module in re.findall(r"^\s*from (lib\.\w+\.\w+\S*) import", text, re.M):
            kept.add((entry, name_room(module)))
    return kept, broken


def leave_out_implied(links: set[Link]) -> set[Link]:
    """Links -> those without which some room could no longer be reached from another."""
    kept = set(links)
    for source, target in sorted(links):
        kept.remove((source, target))
        reached, rest = {source}, [source]
        while rest:
            room = rest.pop()
            new = {end for start, end in kept if start == room} - reached
            reached |= new
            rest += new
        if target not in reached:
            kept.add((source, target))
    return kept


def name_node(room: str) -> str:
    """A room or an entry's path -> a name that mermaid takes."""
    return re.sub(r"\W", "_", Path(room).name)


def list_shipped(root: Path) -> list[str]:
    """A repository -> dotted names of the kernel's modules."""
    paths = (path.relative_to(root) for path in sorted(root.glob("lib/kernel/**/*.py")))
    return [".".join(path.with_suffix("").parts) for path in paths if path.stem != "__init__"]


def draw_rooms(root: Path) -> str:
    """A repository -> a mermaid diagram of its rooms, floor above floor, and a note on it."""
    kept, broken = read_links(root)
    rooms = {room for link in kept | broken for room in link}
    rows = [sorted(rooms & floor) for floor in ({*ENTRIES}, *reversed(FLOORS)) if rooms & floor]
    ships = {"base", *(name_room(module) for module in list_shipped(root))}
    stays = [name_node(room) for room in sorted(rooms - ships - {ENTRIES[1]})]
    lines = [f"  {name_node(room)}[{Path(room).name}]" for row in rows for room in row]
    for upper, lower in sorted(leave_out_implied(kept)):
        lines.append(f"  {name_node(upper)} --> {name_node(lower)}")
    lines += ["  classDef stays stroke-dasharray: 4 3", f"  class {','.join(stays)} stays"]
    top = "; ".join(f"{room} is {', '.join(sorted(TOP[room]))}" for room in sorted(TOP))
    note = HOW.format(top=top)
    if broken:
        links = ", ".join(f"{source} → {target}" for source, target in sorted(broken))
        note += f"\n\n{NOT_YET.format(links=links)}"
    wrapped = [textwrap.fill(part, 118) for part in note.split("\n\n")]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", "", "\n\n".join(wrapped)])


def draw(root: Path, text: str) -> str:
    """A repository and the text of its DESIGN.md -> that text with both blocks as they are now."""
    for name, block in (("tree", draw_tree(root)), ("rooms", draw_rooms(root))):
        begin, end = f"<!-- {name}: written by `{COMMAND}` -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        assert ended, f"{DESIGN}: expected the lines {begin} and {end}"
        text = f"{before}{begin}\n{block}\n{end}{after}"
    return text


def main(words: list[str]) -> int:
    """Write both blocks, or with --check only compare them; 1 if they are out of date."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit with 1 if out of date"
    )
    path = ROOT / DESIGN
    old = path.read_text(encoding="utf-8")
    new = draw(ROOT, old)
    if parser.parse_args(words).check:
        if new != old:
            print(f"{DESIGN}: tree and diagram are out of date\n  cure: {COMMAND}", file=sys.stderr)
        return int(new != old)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
