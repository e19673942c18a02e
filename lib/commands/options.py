"""Command-line words -> checked options; the error for a mistyped word names the nearest one."""

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import Any

from lib.base.errors import InputError, PipelineError
from lib.base.progress_bar import erase_bar
from lib.commands.terminal.help_text import MORE, OUTPUT, Example, Parser, find_group

BUILD_PY = "python build.py"  # how the commands of this checkout are called
HELP = "help"  # instead of a recipe's name or a key's value


@dataclass(frozen=True)
class Answer:
    """What a command found out, as lines for a reader and as values for --json."""

    text: str
    facts: Mapping[str, Any]
    code: int = 0  # the exit code
    failure: PipelineError | None = None  # raised once the answer is printed


@dataclass(frozen=True)
class Settings:
    """What commands with --set know of the kernel's keys and recipes."""

    name_key: Callable[[str], str]  # an unknown option -> the key that was meant; "" for none
    answer: Callable[[Parser, Sequence[str]], Answer]  # answers --set help and --recipe help


@dataclass(frozen=True)
class Command:
    """One word after the program's name: its help text, its options and what it does."""

    name: str
    summary: str  # what it does, from a verb on
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | Answer]  # options -> exit code, or more
    examples: tuple[Example, ...]  # two to four
    json: str = ""  # the keys of its Answer; "" where it gives none, so that --json is none of its
    settings: Settings | None = None  # where it takes --set


def make_parser(command: Command, program: str = BUILD_PY) -> Parser:
    """Make the parser of a command, with all its options; the program is how it is called."""
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    parser = Parser(
        f"{program.removeprefix('python ')} {command.name}",
        summary,
        [(f"{program} {words}", what) for words, what in command.examples],
        command.settings.name_key if command.settings else None,
    )
    command.add_options(parser)
    lists = command.settings is not None
    if command.json or lists:
        told = [f"one JSON object, keys: {command.json}"] if command.json else []
        told += ["with --set help or --recipe help: the list as JSON"] if lists else []
        find_group(parser, OUTPUT).add_argument(
            "--json", action="store_true", help="; ".join(told) + "; log lines go to stderr"
        )
    more = find_group(parser, MORE)
    more.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


def parse_and_run(command: Command, words: Sequence[str], program: str = BUILD_PY) -> int:
    """Parse the words after a command's name and run it; raise InputError for usage mistakes."""
    parser = make_parser(command, program)
    if command.settings and asks_for_list(words):
        return _print(command.settings.answer(parser, words), "--json" in words)
    options = parser.parse_args(words)
    as_json = getattr(options, "json", False)
    if not command.json:
        if as_json and command.settings:
            raise InputError(parser.prog, "--json goes with --set help or --recipe help")
        ended = command.run(options)
    else:
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            ended = command.run(options)
    return ended if isinstance(ended, int) else _print(ended, as_json)


def _print(answer: Answer, as_json: bool) -> int:
    """Print an answer on stdout, in one of its two forms; return its exit code."""
    erase_bar()
    print(to_json(answer.facts) if as_json else answer.text)
    if answer.failure:
        sys.stdout.flush()
        raise answer.failure
    return answer.code


def to_json(value: Any) -> str:
    """Values -> JSON in one line; a number that is not finite becomes null, a path a text."""

    def clean(each: Any) -> Any:
        if isinstance(each, float):
            return each if math.isfinite(each) else None
        if isinstance(each, Mapping):
            return {str(key): clean(inner) for key, inner in each.items()}
        return [clean(inner) for inner in each] if isinstance(each, list | tuple) else each

    return json.dumps(clean(value), default=str)


def asks_for_list(words: Sequence[str]) -> bool:
    """Tell whether --set or --recipe stands before the word help."""
    pairs = {*itertools.pairwise(words), *(tuple(word.split("=", 1)) for word in words)}
    return bool({("--set", HELP), ("--recipe", HELP)} & pairs)


def read_number(option: str, text: str, least: int) -> int:
    """Read a whole number of at least `least` from an option's text."""
    if not text.isdecimal() or int(text) < least:
        raise InputError(
            "options",
            f"{option} cannot be read",
            expected=f"a whole number of {least} or more",
            got=repr(text),
            cure=f"write {option} {least}",
        )
    return int(text)
