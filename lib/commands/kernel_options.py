"""Words on a kernel's recipe and settings -> a checked Config, or the list that they ask for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.commands.options import HELP, Answer, Settings
from lib.commands.terminal.help_text import DATA, OUTPUT, RECIPE, Parser, find_group, tell
from lib.commands.terminal.parse_override import parse_override
from lib.commands.terminal.settings_help import (
    describe_recipes,
    format_keys,
    format_recipes,
    list_keys,
)
from lib.kaggle.metadata import FORMS
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_rules, list_competitions
from lib.kernel.configuration.config import KEYS, OFFICIAL, POLICIES, RANDOM_WEIGHTS, Config
from lib.kernel.configuration.usual_names import name_key
from lib.kernel.metrics.weights_kind import refuse_wrong_kind
from lib.kernel.recipes.table import DEFAULT_RECIPE, make_config


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


SETTINGS = Settings(name_key, list_settings)


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
    from lib.kernel.metrics.preprocess import list_preprocessings  # torch, so after other checks

    check_weights(path, tf_layout=list_preprocessings()[config.preprocessing].tf_layout)
    return ChosenConfig(config, path.absolute())


def check_weights(path: Path, *, tf_layout: bool = False) -> None:
    """Refuse a weights file that load_inception would refuse; none of its values are read."""
    from lib.kernel.metrics.inception import match_keys, outline_network, read_state

    match_keys(outline_network(tf_layout), read_state(path, "meta"), path, tf_layout)
