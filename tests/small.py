"""Keys that several recipes share in a test -> those that one of them uses."""

from collections.abc import Mapping
from typing import Any

from lib.kernel.recipes.table import list_keys


def keep_used(recipe: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if key in list_keys(recipe)}
