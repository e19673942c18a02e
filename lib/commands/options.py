"""Command-line words -> checked options; the error for a mistyped word names the nearest one."""

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError, PipelineError
from lib.base.files import sha256_file
from lib.base.progress_bar import erase_bar
from lib.commands.terminal.help_text import (
    DATA,
    MORE,
    OUTPUT,
    RECIPE,
    Example,
    Parser,
    find_group,
    tell,
)
from lib.commands.terminal.settings_help import (
    describe_recipes,
    format_keys,
    format_recipes,
    list_keys,
)
from lib.kaggle.metadata import FORMS
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_rules, list_competitions
from lib.kernel.configuration.config import KEYS, OFFICIAL, POLICIES, RANDOM_WEIGHTS, Config
from lib.kernel.configuration.settings import parse_override
from lib.kernel.metrics.weights_kind import refuse_wrong_kind
from lib.kernel.recipes.table import DEFAULT_RECIPE, make_config

HELP = "help"  # instead of a recipe's name or a key's value


@dataclass(frozen=True)
class Answer:
    """What a command found out, as lines for a reader and as values for --json."""

    text: str
    facts: Mapping[str, Any]
    code: int = 0  # the exit code
    failure: PipelineError | None = None  # raised once the answer is printed


@dataclass(frozen=True)
class Command:
    """One word after build.py: its help text, its options and what it does."""

    name: str
    summary: str  # what it does, from a verb on
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | Answer]  # options -> exit code, or more
    examples: tuple[Example, ...]  # two to four
    json: str = ""  # the keys of its Answer; "" where it gives none, so that --json is none of its


def make_parser(command: Command) -> Parser:
    """Make the parser of a command, with all its options."""
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    parser = Parser(f"build.py {command.name}", summary, command.examples)
    command.add_options(parser)
    lists = takes_settings(parser)
    if command.json or lists:
        told = [f"one JSON object, keys: {command.json}"] if command.json else []
        told += ["with --set help or --recipe help: the list as JSON"] if lists else []
        find_group(parser, OUTPUT).add_argument(
            "--json", action="store_true", help="; ".join(told) + "; log lines go to stderr"
        )
    more = find_group(parser, MORE)
    more.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


def takes_settings(parser: argparse.ArgumentParser) -> bool:
    """Tell whether a command has --set, so that it lists keys and recipes, too."""
    return any("--set" in action.option_strings for action in parser._actions)


def parse_and_run(command: Command, words: Sequence[str]) -> int:
    """Parse the words after a command's name and run it; raise InputError for usage mistakes."""
    parser = make_parser(command)
    lists = takes_settings(parser)
    if lists and asks_for_list(words):
        return _print(list_settings(parser, words), "--json" in words)
    options = parser.parse_args(words)
    as_json = getattr(options, "json", False)
    if not command.json:
        if as_json and lists:
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


def list_settings(parser: Parser, words: Sequence[str]) -> Answer:
    """Answer --set help or --recipe help, whatever other options a command asks for."""
    for action in parser._actions:
        action.required = False
    options = parser.parse_args(words)
    if options.recipe == HELP:
        recipes = describe_recipes(options.competition)
        return Answer(format_recipes(recipes), {"recipes": recipes})
    if "," in options.recipe:
        cure = f"--recipe {options.recipe.split(',')[0]} --set help"
        raise InputError(parser.prog, "--set help lists the keys of one recipe", cure=cure)
    table = list_keys(options.recipe, options.competition)
    return Answer(format_keys(table), table)


def add_form_option(parser: argparse.ArgumentParser) -> None:
    """Add --format, the form of the kernel that is built."""
    forms = ", ".join(f"{form} ({path})" for form, path in FORMS.items())
    find_group(parser, OUTPUT).add_argument(
        "--format", default="script", metavar="FORM", help=tell(forms, "script")
    )


def add_policy_option(group: argparse._ArgumentGroup) -> None:
    """Add --policy, how records are decoded, for commands that take shards."""
    words = f"how shards are decoded: {', '.join(POLICIES)}"
    group.add_argument("--policy", default=OFFICIAL, metavar="NAME", help=tell(words, OFFICIAL))


def add_weights_option(group: argparse._ArgumentGroup, words: str = "") -> None:
    """Add --weights, the network's, after words on when they are needed."""
    told = f"{words}Inception-V3 state dict; '{RANDOM_WEIGHTS}' for a smoke test"
    usual = "the usual file, searched for, then downloaded"
    group.add_argument("--weights", metavar="FILE", help=tell(told, usual))


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide a run's Config."""
    group = find_group(parser, RECIPE)
    recipes = "\n".join(f"  {one['name']}: {one['what']}" for one in describe_recipes())
    words = tell("what is trained", DEFAULT_RECIPE)
    group.add_argument(
        "--recipe", default=DEFAULT_RECIPE, metavar="NAME", help=f"{words}\n{recipes}"
    )
    find_group(parser, DATA).add_argument(
        "--competition",
        default=DEFAULT_COMPETITION,
        metavar="NAME",
        help=tell(f"whose data are read: {', '.join(list_competitions())}", DEFAULT_COMPETITION),
    )
    usual = Config()
    for name, metavar in (("minutes", "M"), ("seed", "S")):
        unit = KEYS[name].unit if name == "minutes" else ""
        words = tell(KEYS[name].words, f"{getattr(usual, name):g}", unit)
        group.add_argument(f"--{name}", metavar=metavar, help=words)
    add_weights_option(group)
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key that the recipe uses, as often as you like; the value auto leaves it to the "
        "run; --set help lists the keys with defaults and units",
    )


def add_full_option(parser: argparse.ArgumentParser) -> None:
    """Add --full, for commands that build a kernel."""
    find_group(parser, OUTPUT).add_argument(
        "--full", action="store_true", help="put in every recipe and stage, not only those in use"
    )


@dataclass(frozen=True)
class ChosenConfig:
    """A Config, and the path of the weights on this machine, which a bundle never contains."""

    config: Config
    weights_path: Path | None


def read_config(options: argparse.Namespace) -> ChosenConfig:
    """Read the options of add_config_options; check and hash the weights file."""
    rules = find_rules(options.competition)
    overrides = dict(parse_override(text, rules) for text in options.set)
    for key in ("minutes", "seed"):
        if (value := getattr(options, key)) is not None:
            overrides.update([parse_override(f"{key}={value}", option=f"--{key}")])
    if options.weights is None:
        return ChosenConfig(make_config(options.recipe, overrides, rules.name), None)
    if options.weights == RANDOM_WEIGHTS:
        overrides.update(weights_file=RANDOM_WEIGHTS, weights_sha256="")
        return ChosenConfig(make_config(options.recipe, overrides, rules.name), None)
    path = Path(options.weights)
    refuse_wrong_kind(path)
    overrides.update(weights_file=path.name, weights_sha256=sha256_file(path))
    config = make_config(options.recipe, overrides, rules.name)
    from lib.kernel.metrics.inception import check_weights  # torch, so after all other checks
    from lib.kernel.metrics.preprocess import list_preprocessings

    check_weights(path, tf_layout=list_preprocessings()[config.preprocessing].tf_layout)
    return ChosenConfig(config, path.absolute())


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
