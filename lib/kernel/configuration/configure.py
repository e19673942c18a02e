"""A recipe's preset and given values -> its Config; two configurations -> what differs."""

from collections.abc import Mapping
from typing import Any

from lib.base.errors import InputError
from lib.kernel.configuration.config import (
    BAKED,
    COMPETITION_KEYS,
    KEYS,
    Config,
    refuse_range,
    show_value,
)
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.rules import describe_sides


def configure(preset: Preset, overrides: Mapping[str, Any]) -> Config:
    """(preset, key -> given value) -> Config; given values replace those of the preset.

    Raise InputError for a key that neither the recipe nor any of its candidates uses, and for a
    side of pictures that competition or recipe cannot do.
    """
    unused = [name for name in overrides if name not in preset.keys]
    if unused:
        those = ", ".join(unused)
        told = [name for name in preset.keys if name not in BAKED]
        raise InputError(
            "config",
            f"{_name_user(preset, unused)} {those}",
            cure=f"leave out {those}; it uses {', '.join(told)}",
        )
    for name, value in overrides.items():
        is_fixed = KEYS[name].auto is not None and not may_be_automatic(name, preset)
        if is_fixed and not KEYS[name].least <= value <= KEYS[name].most:
            raise refuse_range(name, value, may_be_auto=False)
    given = tuple(name for name in preset.disputed_keys if name in overrides)
    config = Config(**{"recipe": preset.name, **preset.defaults, **overrides, "given": given})
    if preset.rules:
        preset.rules.check_side(config.image_px)
    if not preset.can_make(config.image_px):
        raise _refuse_side(preset, config.image_px)
    return config


def _name_user(preset: Preset, unused: list[str]) -> str:
    """(preset, keys that are not used) -> the words for who does not use them."""
    if preset.rules and set(unused) <= set(COMPETITION_KEYS):
        return f"competition {preset.rules.name!r} does not use"
    if preset.candidates:
        return f"no candidate of recipe {preset.name!r} uses"
    return f"recipe {preset.name!r} does not use"


def _refuse_side(preset: Preset, image_px: int) -> InputError:
    """(preset, a side that it cannot make) -> the error to raise."""
    makers = preset.candidates or (preset,)
    able = [f"{each.name} {describe_sides(each.image_px)}" for each in makers]
    return InputError(
        "config",
        f"recipe {preset.name!r} makes no pictures of {image_px} px",
        expected=f"a side that it can make: {'; '.join(able)} px",
        got=f"{image_px}",
        cure="give another --set image_px=..., or another --recipe",
    )


def may_be_automatic(name: str, preset: Preset) -> bool:
    """(key, preset) -> whether the key may be "auto"; sizes of public recipes may not."""
    is_fixed = preset.keeps_sizes and name in ("batch", "width")
    return KEYS[name].auto is not None and not is_fixed


def as_candidate(config: Config, preset: Preset, candidate: Preset) -> Config:
    """(Config of a recipe with candidates, its preset, a candidate's) -> the candidate's Config.

    For a key in which the presets differ, a given value is kept; else the candidate has its own.
    """
    left = set(preset.disputed_keys) - set(config.given)
    names = [name for name in candidate.keys if name != "recipe" and name not in left]
    return configure(candidate, {name: getattr(config, name) for name in names})


def list_configs(config: Config, preset: Preset) -> list[Config]:
    """(a Config, its preset) -> it, and those of the candidates that can make its pictures."""
    able = [each for each in preset.candidates if each.can_make(config.image_px)]
    return [config, *(as_candidate(config, preset, each) for each in able)]


def read_given(values: Mapping[str, Any], preset: Preset | None) -> list[str]:
    """(configuration as a dictionary, preset) -> the keys that were given.

    Older versions did not store them. There, a key counts as given where it differs from the
    preset.
    """
    if isinstance(given := values.get("given"), list):
        return given
    if preset is None or values.get("recipe") != preset.name:
        return []
    own = [name for name in preset.disputed_keys if name in values]
    return [name for name in own if values[name] != getattr(preset.usual, name)]


def differences(
    one: Mapping[str, Any], other: Mapping[str, Any], preset: Preset | None = None
) -> list[str]:
    """Two configurations as dictionaries -> "key: here against there" for all that differ.

    The preset of a recipe with candidates shows what was given to a version that did not store it.
    """
    one, other = ({**values, "given": read_given(values, preset)} for values in (one, other))
    return [
        f"{key}: {show_value(key, one.get(key))!r} against {show_value(key, other.get(key))!r}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]
