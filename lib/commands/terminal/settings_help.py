"""A recipe's name -> its keys with defaults, units and meaning; all recipes -> what each is."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from lib.commands.book.config_block import (
    explain_key,
    find_own_values,
    list_first_keys,
    tell_own_values,
)
from lib.commands.terminal.help_text import find_width
from lib.kernel.competition.table import DEFAULT_COMPETITION
from lib.kernel.configuration.config import BAKED, KEYS, Config, show_value
from lib.kernel.configuration.configure import may_be_automatic
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.settings import list_shown_keys
from lib.kernel.recipes.table import DEFAULT_RECIPE, ROWS, find_preset, make_config

FIRST = "change these first"
# The first key of each group in the order of Config, where the same words stand as comments.
GROUPS = {
    "recipe": "the run",
    "competition": "data",
    "epochs": "training",
    "samples": "samples",
    "weights_file": "features",
    "real_limit": "FID",
}
_LEAST_WORDS = 30  # columns; on a narrower terminal lines are longer than it


def describe_recipes(competition: str = DEFAULT_COMPETITION) -> list[dict[str, str]]:
    """A competition's name -> the name of each recipe and a sentence on what it is."""
    presets = (find_preset(name, competition) for name in ROWS)
    return [{"name": preset.name, "what": preset.idea} for preset in presets]


def format_recipes(recipes: Sequence[Mapping[str, str]]) -> str:
    """Recipes -> a line for each, the default one marked."""
    rows = [
        (one["name"] + " (default)" * (one["name"] == DEFAULT_RECIPE), one["what"])
        for one in recipes
    ]
    foot = "--recipe NAME takes one; with --set help, its keys with defaults and units"
    return "\n".join([*_lay_out(rows), "", foot])


def list_keys(recipe: str, competition: str = DEFAULT_COMPETITION) -> dict[str, Any]:
    """(names of a recipe and a competition) -> what the recipe is, and all keys that it takes.

    A key in which the candidates of a recipe differ has no default but `candidates`, theirs.
    """
    preset = find_preset(recipe, competition)
    config = make_config(recipe, {}, competition)
    first = list_first_keys(config)
    shown = list_shown_keys(config, preset)
    keys, group = [], ""
    for name in KEYS:
        group = GROUPS.get(name, group)
        if name in preset.keys and name not in BAKED:
            title = FIRST if name in first else group
            keys.append(_describe_key(name, title, config, preset, name in shown))
    keys.sort(key=lambda key: first.index(key["name"]) if key["name"] in first else len(first))
    return {
        "recipe": preset.name,
        "competition": competition,
        "what": preset.idea,
        "keys": keys,
    }


def _describe_key(
    name: str, group: str, config: Config, preset: Preset, is_shared: bool
) -> dict[str, Any]:
    key = KEYS[name]
    words = explain_key(name, preset)
    facts = {
        "name": name,
        "group": group,
        "default": show_value(name, getattr(config, name)) if is_shared else None,
        "unit": key.unit,
        "words": words.removeprefix(f"{key.unit}: "),
        "may_be_auto": may_be_automatic(name, preset),
        "least": key.least,
        "most": key.most,
    }
    if is_shared:
        return facts
    own = tell_own_values(name, config, preset)
    return {
        **facts,
        "words": f"{facts['words']} ({own})",
        "candidates": find_own_values(name, config, preset),
    }


def format_keys(table: Mapping[str, Any]) -> str:
    """The answer of list_keys -> lines, a heading for each group, wrapped to the terminal."""
    keys = table["keys"]
    rows = [
        (
            key["name"],
            "own" if key["default"] is None else _show(key["default"]),
            f"{key['unit']}: {key['words']}",
        )
        for key in keys
    ]
    blocks = _lay_out(rows)
    head = f"{table['recipe']} for competition {table['competition']}: {table['what']}"
    lines = [*textwrap.wrap(head, find_width()), ""]
    if any(key["default"] is None for key in keys):
        words = "own: each candidate's own, as in brackets; a value of yours goes to all of them"
        lines += [*textwrap.wrap(words, find_width()), ""]
    group = ""
    for key, block in zip(keys, blocks, strict=True):
        if key["group"] != group:
            lines += [""] * bool(group) + [f"{key['group']}:"]
            group = key["group"]
        lines.append(block)
    return "\n".join([*lines, "", "key, default, unit: meaning. Change one by --set KEY=VALUE"])


def _show(value: Any) -> str:
    """A default -> the word that --set takes for it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _lay_out(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows whose last cell is a text -> aligned lines, the text wrapped below itself."""
    *columns, _ = zip(*rows, strict=True)
    widths = [max(map(len, column)) for column in columns]
    left = 2 + sum(widths) + 2 * len(widths)
    room = max(find_width() - left, _LEAST_WORDS)
    blocks = []
    for *cells, words in rows:
        start = "  " + "".join(f"{cell:<{w}}  " for cell, w in zip(cells, widths, strict=True))
        wrapped = textwrap.wrap(words, room, break_on_hyphens=False) or [""]
        blocks.append(("\n" + " " * left).join([start + wrapped[0], *wrapped[1:]]))
    return blocks
