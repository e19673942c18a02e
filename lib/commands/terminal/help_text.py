"""A command's words and options -> its --help: a sentence, examples, then options in groups."""

import argparse
import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import NoReturn

from lib.base.errors import InputError, find_nearest

DATA, RECIPE, KAGGLE, OUTPUT, MORE = "data", "recipe and settings", "Kaggle", "output", "more"
BUNDLE = "the bundle, with --entry"
GROUPS = (DATA, RECIPE, KAGGLE, BUNDLE, OUTPUT, MORE)  # in the order of the help
_WIDTH = 100  # columns, where no terminal tells its own
_LIKE = 0.75  # the least likeness of a mistyped option to the one that was meant
_HELP_AT = 28  # the column in which descriptions of options begin, at most

Example = tuple[str, str]  # a command line, and what it does


def find_width() -> int:
    """Find the columns of the terminal; without one, those of a wide page."""
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def tell(words: str, default: object = None, unit: str = "") -> str:
    """(words, default, unit) -> an option's help: "rows to choose (default: 1000 rows)"."""
    if default is None:
        return f"{words} ({unit})" if unit else words
    return f"{words} (default: {default}{' ' * bool(unit)}{unit})"


def find_group(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """Return the group of options with one of the titles in GROUPS."""
    assert title in GROUPS, title
    own = (group for group in parser._action_groups if group.title == title)
    return next(own, None) or parser.add_argument_group(title)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser with another help, whose errors are InputErrors.

    Options are never abbreviated.
    """

    def __init__(
        self,
        prog: str,
        description: str,
        examples: Sequence[Example] = (),
        name_key: Callable[[str], str] | None = None,  # an unknown option -> a key of --set, or ""
    ) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            add_help=False,
            formatter_class=_Formatter,
        )
        self._examples = examples
        self._name_key = name_key
        more = find_group(self, MORE)
        more.add_argument("-h", "--help", action="help", help="show this text")

    def error(self, message: str) -> NoReturn:
        """Raise an InputError that names the nearest option."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        cure = f"see {self.prog} --help"
        if unknown:
            word = unknown[1].split("=")[0]
            cure = self._name_option(word) or cure
            message = f"unknown option {word!r}"
        raise InputError(self.prog, message, cure=cure)

    def _name_option(self, word: str) -> str:
        """An unknown option -> the one that was meant, or the key of --set; "" for neither."""
        known = [name for action in self._actions for name in action.option_strings]
        if self._name_key and (key := self._name_key(word.lstrip("-"))):
            return f"that is a key: --set {key}=VALUE"
        near = find_nearest(word, known, _LIKE) if word.startswith("-") else None
        return f"did you mean {near!r}?" if near else ""

    def format_help(self) -> str:
        """Return a sentence, the examples, the usage and the options in their groups."""
        formatter = self._get_formatter()
        formatter.add_text(self.description)
        parts = [formatter.format_help()]
        if self._examples:
            parts.append(format_examples(self._examples, find_width()))
        formatter = self._get_formatter()
        for title in GROUPS:
            group = find_group(self, title)
            formatter.start_section(title)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        return "\n".join([*parts, self._describe_usage(), formatter.format_help()])

    def _describe_usage(self) -> str:
        """Return what must be there, and that there is more: "usage: run --input DIR [OPTIONS]"."""
        formatter = _Formatter(self.prog)
        words = ["usage:", self.prog]
        for action in self._actions:
            if not action.option_strings:
                words.append(formatter._format_args(action, str(action.metavar)))
            elif action.required:
                words.append(f"{action.option_strings[-1]} {action.metavar}")
        return " ".join([*words, "[OPTIONS]\n"])


class _Formatter(argparse.HelpFormatter):
    """Keeps the line breaks of a help text, and names an option's value once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_AT, width=find_width())

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [
            line
            for part in text.splitlines()
            for line in textwrap.wrap(
                part,
                width,
                subsequent_indent="    " * part.startswith("  "),
                break_on_hyphens=False,
            )
        ]

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        usual = action.dest.upper()
        value = "" if action.nargs == 0 else f" {self._format_args(action, usual)}"
        return ", ".join(action.option_strings) + value


def format_examples(examples: Sequence[Example], width: int) -> str:
    """(examples, columns) -> their lines; what each does stands beside it, or else below it."""
    lines = [f"  {words}".rstrip() for words, _ in examples]
    longest = max(map(len, lines))
    fits = longest + 2 + max(len(what) for _, what in examples) <= width
    shown = []
    for line, (_, what) in zip(lines, examples, strict=True):
        shown += [f"{line:<{longest}}  {what}"] if fits else [line, f"      {what}"]
    return "\n".join(["examples:", *shown, ""])
