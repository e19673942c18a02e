"""`build.py unbundle`: a bundle, edited or not -> its files, or their edits in the sources."""

import argparse
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.base.places import check_input_file, check_input_place, check_output_folder
from lib.bundler.unbundling.apply_edits import (
    Plan,
    Step,
    carry_out,
    list_done,
    plan_copies,
    plan_edits,
)
from lib.bundler.unbundling.bundled_file import Unbundled
from lib.bundler.unbundling.unbundle import unbundle
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import DATA, OUTPUT, find_group

_RENDERED = "it is made from kernel_template/entry.py.j2 and no source"


def _add_options(parser: argparse.ArgumentParser) -> None:
    data, output = find_group(parser, DATA), find_group(parser, OUTPUT)
    data.add_argument("file", metavar="FILE", help="a bundle, script or notebook, edited or not")
    words = "write its files below this folder; without -o and --into: say what is in it"
    output.add_argument("-o", "--output", metavar="DIR", help=words)
    words = "write the edits into the sources in this folder, if they have not changed since"
    output.add_argument("--into", metavar="DIR", help=words)


def _run(options: argparse.Namespace) -> Answer:
    path = check_input_file("unbundle", Path(options.file), "give the bundle's path")
    if options.output and options.into:
        raise InputError("unbundle", "-o and --into are two ways; cure: leave out one of both")
    found = unbundle(path.read_bytes(), str(path))
    kernel = _read_kernel(found)
    plan = Plan(tuple(Step(each.path, _tell(each.is_edited)) for each in found.files))
    folder = options.output or options.into
    if options.into:
        check_input_place("unbundle", Path(folder), "name the folder of the sources")
    if folder:
        place = check_output_folder("unbundle", Path(folder))
        if options.into and kernel:
            _refuse_rendered(found, str(path))
        plan = (plan_copies if options.output else plan_edits)(found.files, place)
        if not plan.refused:
            carry_out(plan, place)
    return _answer(found, plan, kernel, str(path))


def _tell(is_edited: bool) -> str:
    return "edited" if is_edited else "as it was bundled"


def _read_kernel(found: Unbundled) -> dict[str, Any]:
    """What a bundle holds -> of a kernel of ours, the words that build its CONFIG; else nothing.

    The bundler by itself knows no kernels.
    """
    try:
        from lib.commands.bundling.kernel_words import describe_kernel
    except ImportError:
        return {}
    return describe_kernel(found)


def _refuse_rendered(found: Unbundled, shown: str) -> None:
    """Raise InputError where the edits are in a file that no source holds."""
    edited = [each.path for each in found.files if each.path == found.entry and each.is_edited]
    if edited:
        cure = "make that edit in kernel_template/entry.py.j2, and undo it in the kernel"
        raise InputError("unbundle", f"{shown}: {edited[0]} was edited, but {_RENDERED}; {cure}")


def _answer(found: Unbundled, plan: Plan, kernel: dict[str, Any], shown: str) -> Answer:
    """What was found and done -> the answer, in a line for each file."""
    lines = [f"{shown}:{number}: {line.strip()!r} is in no file" for number, line in found.strays]
    if kernel:
        lines += kernel["lines"]
    elif found.preface:
        lines.append(f"{len(found.preface.splitlines())} lines above the files are in none of them")
    if plan.refused:
        where = f"paths count from the folder in which {found.entry} lies"
        lines = [*lines, plan.diff, *plan.refused, f"nothing was written; {where}"]
    else:
        lines += list_done(plan.steps)
    facts = {
        "entry": found.entry,
        "files": [
            {"path": each.path, "edited": each.is_edited, "done": step.done}
            for each, step in zip(found.files, plan.steps, strict=True)
        ],
        "words": kernel.get("words", ""),
        "preface": found.preface,
        "strays": [line for _, line in found.strays],
        "diff": plan.diff,
    }
    return Answer("\n".join(lines), facts, code=int(bool(plan.refused)))


UNBUNDLE = Command(
    "unbundle",
    "give back the files of a bundle, also after edits in it",
    _add_options,
    _run,
    (
        ("unbundle one.py", "what is in it, and which files were edited"),
        ("unbundle one.py -o found", "its files, below found/"),
        ("unbundle build/kernel.py --into .", "the edits, into the sources they came from"),
    ),
    json="entry, files (path, edited, done), words (that build the CONFIG), "
    "preface, strays (lines in no file) and diff",
)
