#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Run the bundler as a program of its own, `kernelpress`: all that it needs is Python.

`make release` makes one script of it, and a wheel that holds that script.
"""

import sys
import textwrap
from collections.abc import Sequence

from lib.base.errors import InputError, find_nearest
from lib.base.exit_codes import run_for_exit_code
from lib.base.tables import format_table
from lib.commands.bundling.bundle import BUNDLE
from lib.commands.bundling.check import CHECK
from lib.commands.bundling.unbundle import UNBUNDLE
from lib.commands.options import parse_and_run
from lib.commands.terminal.help_text import find_width, format_examples

PROGRAM = "kernelpress"
COMMANDS = {command.name: command for command in (BUNDLE, UNBUNDLE, CHECK)}
_LIKE = 0.6  # the least likeness of a mistyped command to the one that was meant
_WHAT = (
    "Kernelpress puts any Python program and the packages beside it into one script that people "
    "can read and that behaves as the program does."
)


def main(words: Sequence[str]) -> int:
    """Run a command; return 0 if it is done, 1 after a failure, 2 after a user's mistake."""
    return run_for_exit_code(lambda: _dispatch(words), debug="--debug" in words)


def _dispatch(words: Sequence[str]) -> int:
    if len(words) == 2 and words[0] == "help" and words[1] in COMMANDS:
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_describe_commands())
        return 0
    name, *rest = words
    if name not in COMMANDS:
        near = find_nearest(name, COMMANDS, _LIKE)
        cure = f"did you mean {near!r}?" if near else f"{PROGRAM} --help lists all"
        raise InputError(PROGRAM, f"there is no command {name!r}", cure=cure)
    return parse_and_run(COMMANDS[name], rest, PROGRAM)


def _describe_commands() -> str:
    width = find_width()
    firsts = [command.examples[0] for command in COMMANDS.values()]
    examples = [(f"{PROGRAM} {words}", what) for words, what in firsts]
    rows = [(f"  {command.name}", command.summary) for command in COMMANDS.values()]
    lines = [textwrap.fill(_WHAT, width), "", format_examples(examples, width)]
    lines += [f"usage: {PROGRAM} COMMAND [OPTIONS]", "", "commands:"]
    lines += [format_table(rows, least=(11,)), ""]
    lines += [f"{PROGRAM} COMMAND --help  its options with their defaults"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
