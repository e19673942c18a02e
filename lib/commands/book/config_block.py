"""A Config -> CONFIG at the top of its kernel: a key a line, each with unit and meaning."""

import textwrap
from typing import Any

from lib.commands.book.entry_text import list_needed_keys
from lib.kernel.configuration.config import KEYS, Config, show_value
from lib.kernel.configuration.configure import as_candidate, may_be_automatic
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.settings import list_shown_keys
from lib.kernel.configuration.stage_keys import STAGE_KEYS
from lib.kernel.recipes.table import find_preset

_INDENT, _VALUES, _WIDTH = 4, 30, 100  # columns


def explain_key(name: str, preset: Preset) -> str:
    """(key, preset) -> the key's unit and meaning, for a comment."""
    key = KEYS[name]
    by = f"; auto: {key.by}" if may_be_automatic(name, preset) else ""
    return f"{key.unit}: {preset.words.get(name, key.words)}{by}"


def render_config(config: Config) -> str:
    """A Config -> the lines CONFIG = {...}, those keys first that a user changes first.

    Candidates of recipe auto differ in some keys. Such a key is a comment unless it was given,
    because a key in CONFIG applies to all candidates.
    """
    preset = find_preset(config.recipe, config.competition)
    shown = list_shown_keys(config, preset)
    idle = list_idle(config, preset)
    first = list_first_keys(config)
    lines = [
        "# Change these first. A key that is not here has the recipe's own value.",
        "CONFIG = {",
    ]
    for name in (*first, *(name for name in KEYS if name not in first)):
        if name not in preset.keys or name in idle:
            continue
        words = explain_key(name, preset)
        if name in shown:
            value = f"{name!r}: {show_value(name, getattr(config, name))!r},"
            lines += _lay_out(value, words)
        else:
            own = tell_own_values(name, config, preset)
            lines += _lay_out(f"# {name!r}: ...,", f"{words} ({own})")
        if first and name == first[-1]:
            note = ", but uncomment a key only to give it to all candidates"
            end = note if preset.disputed_keys else ""
            lines.append(f"{' ' * _INDENT}# and these as you like{end}")
    return "\n".join([*lines, "}", ""])


def list_first_keys(config: Config) -> list[str]:
    """A Config -> the keys that a user changes first, as far as its kernel shows them."""
    preset = find_preset(config.recipe, config.competition)
    idle, shown = list_idle(config, preset), list_shown_keys(config, preset)
    return [name for name in preset.first_keys if name in shown and name not in idle]


def list_idle(config: Config, preset: Preset) -> set[str]:
    """List the keys without effect: of stages that are switched off, as the recipe has them."""
    needed = list_needed_keys(config)
    off = {key for key in STAGE_KEYS if key in preset.keys and key not in needed}
    off -= {"preprocessing"}  # no switch: only one of its values needs a stage
    off |= {"pool"} if "curate" in off else set()
    usual = {key for key in off if getattr(config, key) == getattr(preset.usual, key)}
    return usual - set(config.given)


def find_own_values(name: str, config: Config, preset: Preset) -> dict[str, Any]:
    """A key that is each candidate's own -> candidate -> its value, as users write it."""
    able = [each for each in preset.candidates if each.can_make(config.image_px)]
    rows = [(each, as_candidate(config, preset, each)) for each in able if name in each.keys]
    return {each.name: show_value(name, getattr(row, name)) for each, row in rows}


def tell_own_values(name: str, config: Config, preset: Preset) -> str:
    """A key that is each candidate's own -> their values, in words."""
    values = find_own_values(name, config, preset)
    if len(set(values.values())) == 1 and len(values) > 1:
        return f"all {next(iter(values.values()))}"
    return ", ".join(f"{each} {value}" for each, value in values.items())


def _lay_out(value: str, words: str) -> list[str]:
    """(a line's code, its comment) -> its lines; a long comment goes on below itself."""
    start = " " * _INDENT + f"{value:<{_VALUES - 1}} # "
    room = _WIDTH - max(len(start), _INDENT + _VALUES + 2)
    first, *rest = textwrap.wrap(words, room, break_on_hyphens=False)
    below = " " * (_INDENT + _VALUES) + "#   "
    return [start + first, *(below + line for line in rest)]
