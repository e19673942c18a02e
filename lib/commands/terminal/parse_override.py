"""A setting as it is typed after --set -> its key and value."""

from typing import Any, get_type_hints

from lib.base.errors import InputError
from lib.kernel.configuration.aliases import take_old_names
from lib.kernel.configuration.config import BAKED, KEYS, Config
from lib.kernel.configuration.rules import Rules
from lib.kernel.configuration.settings import is_automatic, read_automatic, refuse_value
from lib.kernel.configuration.usual_names import name_cure

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def parse_override(text: str, rules: Rules | None = None, option: str = "--set") -> tuple[str, Any]:
    """A "key=value" of --set -> (field name, value of the field's type, or "auto" if allowed).

    With a competition's rules, keys that only other competitions have are unknown. An error names
    the option that was typed.
    """
    key, separator, value = text.partition("=")
    key, value = take_old_names(key, value)
    known = [name for name in (rules.list_known_keys() if rules else KEYS) if name not in BAKED]
    if key not in known:
        cure = name_cure(key, known, has_options=True)
        raise InputError("config", f"--set {text}: there is no key {key!r}", cure=cure)
    kind = get_type_hints(Config)[key]
    try:
        if not separator:
            raise ValueError
        return key, read_automatic(key, value) if is_automatic(value) else _parse(kind, value)
    except (ValueError, KeyError, OverflowError):
        typed, place = ("--set", f"--set {key}=") if option == "--set" else (option, f"{option} ")
        said = f"{typed} {text if typed == '--set' else value}"
        raise refuse_value(said, key, value, f"write {place}VALUE") from None


def _parse(kind: type, value: str) -> Any:
    """(type, text) -> the value; ValueError or KeyError where it is none."""
    if kind is bool:
        return _BOOLEANS[value.lower()]
    if kind is int:
        number = float(value)  # "1e4" is a whole number too
        if number != int(number):
            raise ValueError
        return int(value) if value.lstrip("+-").isdigit() else int(number)
    return kind(value)
