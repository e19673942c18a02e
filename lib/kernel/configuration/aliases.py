"""Names of the previous version, and the names of today.

Old names are accepted for one more release. Files on disk under an old name are found as well.
"""

from collections.abc import Mapping
from typing import Any

from lib.base.log import log
from lib.kernel.configuration.config import OFFICIAL, Config

KEYS = {"judge": "eval_samples", "codes": "clusters"}
VALUES = {"policy": {"host": OFFICIAL}, "preprocessing": {"host": OFFICIAL}}  # key -> old -> new
# Keys that came after the first version: a stored configuration without one had its default.
_LATER = ("competition", "image_px", "image_name")
_IN_CACHES = {OFFICIAL: "host"}  # a cache's name stays, so that its files are found


def modernise(values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of any version, as a dictionary -> the same with today's names."""
    modern = {KEYS.get(key, key): modernise_value(key, value) for key, value in values.items()}
    if isinstance(given := modern.get("given"), list):
        modern["given"] = [KEYS.get(key, key) for key in given]
    return modern


def modernise_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """A whole stored configuration of any version -> the same with today's names and keys."""
    defaults = {name: getattr(Config, name) for name in _LATER} if "recipe" in values else {}
    return {**defaults, **modernise(values)}


def modernise_value(key: str, value: Any) -> Any:
    """A key and its value -> today's name of the value."""
    return VALUES.get(key, {}).get(value, value) if isinstance(value, str) else value


def take_old_names(key: str, value: Any) -> tuple[str, Any]:
    """Replace the old names in a key and value of a user by today's; print where they differ."""
    modern_key, modern_value = KEYS.get(key, key), modernise_value(key, value)
    for old, new in ((key, modern_key), (value, modern_value)):
        if old != new:
            log("config", f"{old!r} is called {new!r} now; the old name goes with the next release")
    return modern_key, modern_value


def name_in_caches(name: str) -> str:
    """A policy or preprocessing -> its name in file names and hashes."""
    return _IN_CACHES.get(name, name)
