"""The competitions there are, for builds and tests; a kernel's entry names its own one.

Every folder beside this module that holds rules.py is a competition.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lib.kernel.configuration.config import check_choice
from lib.kernel.configuration.rules import Rules

if TYPE_CHECKING:
    from lib.kernel.competition.contract import Competition  # needs numpy and torch

DEFAULT_COMPETITION = "gan-challenge"
_HERE = Path(__file__).parent


def list_competitions() -> list[str]:
    """List the names of all competitions, the default one first."""
    names = [path.parent.name.replace("_", "-") for path in _HERE.glob("*/rules.py")]
    return sorted(names, key=lambda name: (name != DEFAULT_COMPETITION, name))


def find_rules(competition: str) -> Rules:
    """A competition's name -> its rules; for an unknown name, InputError with the nearest one."""
    module = importlib.import_module(f"{find_package(competition)}.rules")
    return cast("Rules", module.RULES)


def load_competition(competition: str) -> "Competition":
    """A competition's name -> its Competition, whose code is imported only now."""
    module = importlib.import_module(f"{find_package(competition)}.competition")
    return cast("Competition", module.COMPETITION)


def find_mismatch(competition: str, sources: Sequence[str]) -> str:
    """(a competition's name, what kernel-metadata.json attaches) -> what is wrong, or "".

    A kernel of one competition would find no data that it can read among those of another, and its
    submission would be scored as nothing.
    """
    attached = [rules for rules in map(find_rules, list_competitions()) if rules.slug in sources]
    if not attached or competition in [rules.name for rules in attached]:
        return ""
    other = attached[0]
    return f"{other.slug} is attached, which is for competition {other.name}, not {competition}"


def find_package(competition: str) -> str:
    """A competition's name -> the dotted name of its folder."""
    check_choice("competition", competition, list_competitions())
    return f"{__package__}.{competition.replace('-', '_')}"
