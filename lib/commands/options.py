"""Command-line words -> checked options; the error for a mistyped word names the nearest one."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lib.base.errors import InputError, nearest_name
from lib.base.files import sha256_file
from lib.kaggle.metadata import FORMS
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_rules, list_competitions
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.configuration.settings import parse_override
from lib.kernel.metrics.weights_kind import refuse_wrong_kind
from lib.kernel.recipes.table import DEFAULT_RECIPE, ROWS, make_config


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are InputErrors and whose options are never abbreviated."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise an InputError that names the nearest option."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        cure = f"see {self.prog} --help"
        if unknown:
            word = unknown[1].split("=")[0]
            known = [name for action in self._actions for name in action.option_strings]
            cure = nearest_name(word, known) if word.startswith("-") else cure
            message = f"unknown option {word!r}"
        raise InputError(self.prog, message, cure=cure)


@dataclass(frozen=True)
class Command:
    """One word after build.py: its help text, its options and what it does."""

    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]  # options -> exit code


def parse_and_run(command: Command, words: Sequence[str]) -> int:
    """Parse the words after a command's name and run it; raise InputError for usage mistakes."""
    parser = Parser(f"build.py {command.name}", command.summary)
    command.add_options(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return command.run(parser.parse_args(words))


def add_form_option(parser: argparse.ArgumentParser) -> None:
    """Add --format, the form of the kernel that is built."""
    forms = ", ".join(f"{form} ({path})" for form, path in FORMS.items())
    parser.add_argument("--format", default="script", metavar="FORM", help=forms)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide a run's Config."""
    parser.add_argument("--recipe", default=DEFAULT_RECIPE, metavar="NAME", help=", ".join(ROWS))
    parser.add_argument(
        "--competition",
        default=DEFAULT_COMPETITION,
        metavar="NAME",
        help=f"whose data are read: {', '.join(list_competitions())}",
    )
    parser.add_argument("--minutes", metavar="M", help="wall clock of the whole run")
    parser.add_argument("--seed", metavar="S", help="the same seed draws the same submission")
    parser.add_argument(
        "--weights", metavar="FILE", help="Inception-V3 state dict; 'random' for a smoke test"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key that the recipe uses; the value auto leaves it to the run",
    )


def add_full_option(parser: argparse.ArgumentParser) -> None:
    """Add --full, for commands that build a kernel."""
    parser.add_argument(
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
            overrides.update([parse_override(f"{key}={value}")])
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
