"""`build.py doctor`: check what a push needs; print one line each, ok or with its cure."""

import argparse
import dataclasses
import sys
import textwrap

from lib.base.terminal import is_terminal, paint
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.options import Answer, Command
from lib.commands.terminal.help_text import find_width


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_entry(parser)


@name_entry
def _run(options: argparse.Namespace) -> Answer:
    from lib.commands.on_kaggle.doctor_checks import (  # requests is slow to import
        examine,
        format_findings,
    )

    findings = examine(open_workspace(options))
    is_well = not any(finding.cure for finding in findings)
    facts = {"ok": is_well, "findings": [dataclasses.asdict(finding) for finding in findings]}
    column = len("CURE  ") + max(len(finding.name) for finding in findings) + 2
    text = _show(format_findings(findings), column)
    return Answer(text, facts, code=0 if is_well else 1)


def _show(text: str, column: int) -> str:
    """(lines, the column of what they tell) -> on a terminal in its width, with coloured words."""
    if not is_terminal(sys.stdout):
        return text
    colours = {"ok": "green", "CURE": "yellow"}
    fold = textwrap.TextWrapper(
        find_width(),
        subsequent_indent=" " * column,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = []
    for line in text.splitlines():
        first, *others = fold.wrap(line)
        word = first.split(" ", 1)[0]
        painted = paint(word, colours[word], sys.stdout) if word in colours else word
        lines += [painted + first[len(word) :], *others]
    return "\n".join(lines)


DOCTOR = Command(
    "doctor",
    "check what a push needs; each line is ok or names a cure",
    _add_options,
    _run,
    (
        ("doctor", "before the first push, and whenever one fails"),
        ("doctor --json", "the same for a program; the exit code is 1 where a cure is needed"),
    ),
    json="ok, findings (name, detail, cure)",
)
