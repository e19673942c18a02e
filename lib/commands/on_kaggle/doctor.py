"""`build.py doctor`: check what a push needs; print one line each, ok or with its cure."""

import argparse
import dataclasses
import sys

from lib.base.terminal import paint
from lib.commands.on_kaggle.entry_cures import name_entry
from lib.commands.on_kaggle.open_workspace import add_entry, open_workspace
from lib.commands.options import Answer, Command


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
    return Answer(_colour(format_findings(findings)), facts, code=0 if is_well else 1)


def _colour(text: str) -> str:
    """The doctor's lines -> the same with their first word in a colour, on a terminal."""
    colours = {"ok": "green", "CURE": "yellow"}
    lines = []
    for line in text.splitlines():
        word = line.split(" ", 1)[0]
        painted = paint(word, colours[word], sys.stdout) if word in colours else word
        lines.append(painted + line[len(word) :])
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
