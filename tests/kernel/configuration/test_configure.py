"""Two configurations -> what differs, also where one is of a version that knew less."""

import pytest

from lib.kernel.configuration.config import Config, as_dict
from lib.kernel.configuration.configure import differences
from lib.kernel.recipes.table import find_preset, make_config

pytestmark = pytest.mark.ships


def test_differences_name_key_and_both_values() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == [
        "b: 2 against 3",
        "c: None against 4",
    ]


def test_differences_write_auto_and_say_what_was_given() -> None:
    """A configuration from before `given` was known: what differs from auto's row was given."""
    auto = find_preset("auto")
    usual = as_older(make_config("auto", {}))
    assert differences(usual, as_dict(make_config("auto", {})), auto) == []
    assert differences(usual, as_dict(make_config("auto", {"lr": 1e-4})), auto) == [
        "given: [] against ['lr']"
    ]
    assert differences(usual, as_dict(make_config("auto", {"batch": 8})), auto) == [
        "batch: 'auto' against 8"
    ]
    strong = make_config("auto", {"lr": 5e-3, "eval_samples": 9})
    assert differences(as_older(strong), as_dict(strong), auto) == []
    same, pixel = make_config("pixel", {"lr": 2e-3}), find_preset("pixel")
    assert differences(as_older(make_config("pixel", {})), as_dict(same), pixel) == []


def as_older(config: Config) -> dict[str, object]:
    """A Config -> its dictionary as a version wrote it that did not know what was given."""
    return {name: value for name, value in as_dict(config).items() if name != "given"}
