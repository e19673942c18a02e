"""Keys and values as users write them -> those of a Config, and back."""

from collections.abc import Mapping
from typing import Any, NoReturn, get_type_hints

from lib.base.errors import InputError, nearest_name
from lib.base.log import log
from lib.kernel.configuration.aliases import take_old_names
from lib.kernel.configuration.config import AUTOMATIC, KEYS, Config, show_value
from lib.kernel.configuration.configure import configure
from lib.kernel.configuration.preset import Preset, quote_idea
from lib.kernel.configuration.rules import Rules
from lib.kernel.configuration.stage_keys import STAGE_KEYS
from lib.kernel.configuration.usual_names import name_cure

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read_block(block: Mapping[str, Any], presets: Mapping[str, Preset]) -> Config:
    """(CONFIG of a kernel, presets of its recipes) -> Config.

    Users may have edited CONFIG. Each key in it counts as given; a key that was removed has the
    recipe's own value. The first preset is used where CONFIG names no recipe. Raise InputError for
    unknown keys, for values of a wrong type and for all that configure refuses.
    """
    types, values = get_type_hints(Config), {}
    rules = next(iter(presets.values())).rules
    known = rules.list_known_keys() if rules else list(KEYS)
    for written, given in block.items():
        key, value = take_old_names(written, given)
        if key in values:
            what = f"CONFIG has {key!r} twice, once as {written!r}"
            raise InputError("config", what, cure="keep one of the two lines")
        if key not in known:
            cure = name_cure(str(key), known, has_options=False)
            raise InputError("config", f"CONFIG has a key {key!r} that is none", cure=cure)
        try:
            plain = read_automatic(key, value) if is_automatic(value) else value
            values[key] = _convert(types[key], plain)
        except (ValueError, OverflowError):
            cure = f"edit the line of {key!r} in CONFIG at the top of the script"
            raise refuse_value(f"CONFIG[{key!r}]", key, value, cure) from None
    _check_competition(values.pop("competition", None), rules)
    recipe = values.pop("recipe", next(iter(presets)))
    if recipe not in presets:
        _refuse_recipe(recipe, presets)
    own = _drop_unedited(values, next(iter(presets.values())), presets[recipe])
    return configure(presets[recipe], own)


def _drop_unedited(values: Mapping[str, Any], first: Preset, named: Preset) -> dict[str, Any]:
    """(CONFIG's values, the kernel's preset, the one that CONFIG names) -> what applies to it.

    Whoever changes only 'recipe' leaves the lines of another recipe. Those that were not edited are
    dropped, so that the named recipe has its own values; edited ones count as given.
    """
    usual = first.usual
    shown = set(list_shown_keys(usual, first)) - {"recipe"}
    # Keys of stages that are switched off are not in CONFIG, see lib/commands/book.
    if named.name == first.name or not shown - {*STAGE_KEYS, "pool"} <= values.keys():
        return dict(values)
    kept = {
        key: value
        for key, value in values.items()
        if key not in shown or value != getattr(usual, key)
    }
    told = ", ".join(kept) or "none"
    log("config", f"recipe {named.name} has its own values but for edited lines: {told}")
    return kept


def _refuse_recipe(named: str, presets: Mapping[str, Preset]) -> NoReturn:
    """Raise InputError for a recipe that the kernel does not hold."""
    raise InputError(
        "config",
        "CONFIG names a recipe that this kernel does not hold",
        expected=" or ".join(f"{name!r} {quote_idea(each)}" for name, each in presets.items()),
        got=repr(named),
        cure=f"{nearest_name(named, presets)}; or build one with --recipe {named} or --full",
    )


def _check_competition(named: str | None, rules: Rules | None) -> None:
    """Raise InputError where CONFIG names another competition than the one of the kernel."""
    if named is not None and rules and named != rules.name:
        raise InputError(
            "config",
            "a kernel holds one competition, and CONFIG names another",
            expected=repr(rules.name),
            got=repr(named),
            cure=f"take that line out of CONFIG, or build anew with --competition {named}",
        )


def list_shown_keys(config: Config, preset: Preset) -> list[str]:
    """(Config, its preset) -> the keys that its kernel shows, in the order of the class.

    Keys in which candidates differ are left out unless they were given, because a key that is
    shown applies to all candidates.
    """
    left = set(preset.disputed_keys) - set(config.given)
    return [name for name in KEYS if name in preset.keys and name not in left]


def show_settings(config: Config, preset: Preset) -> dict[str, Any]:
    """(Config, its preset) -> the keys that the recipe uses, with values as users write them."""
    shown, used = list_shown_keys(config, preset), preset.keys
    return {
        name: show_value(name, getattr(config, name)) if name in shown else "each candidate's own"
        for name in KEYS
        if name in used
    }


def is_automatic(value: Any) -> bool:
    """Tell whether a value is the word "auto"."""
    return isinstance(value, str) and value.strip().lower() == AUTOMATIC


def read_automatic(key: str, value: Any) -> Any:
    """(key, "auto") -> its number, or the text itself for a key of names; else ValueError."""
    number, kind = KEYS[key].auto, get_type_hints(Config)[key]
    if number is None:
        if kind is str:
            return value  # a name in itself
        raise ValueError
    return kind(number)


def refuse_value(where: str, key: str, value: Any, cure: str) -> InputError:
    """(what was written, its key, the value, a cure) -> the error of a value that is no such."""
    kind = _KINDS[get_type_hints(Config)[key]]
    expected = f"{kind} or auto" if KEYS[key].auto is not None else kind
    what = f"{where}: the value cannot be read"
    return InputError("config", what, expected=expected, got=repr(value), cure=cure)


def _convert(kind: type, value: Any) -> Any:
    """(type, a Python value) -> the same in that type; ValueError where that is impossible."""
    fits = isinstance(value, (int, float)) if kind in (int, float) else isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ValueError
    if kind is int and value != int(value):
        raise ValueError
    return kind(value)
