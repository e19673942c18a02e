"""Config: recipes are rows, overrides are typed, and a wrong word names the nearest right one."""

from typing import get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.base.errors import InputError
from lib.commands.terminal.parse_override import parse_override
from lib.kernel.configuration.config import KEYS, Config, as_dict
from lib.kernel.recipes.table import ROWS, make_config

pytestmark = pytest.mark.ships


def test_public_recipes_are_the_two_columns_of_the_competitions_table() -> None:
    first, second = make_config("first-seed", {}), make_config("second-seed", {})
    assert (first.latent_dim, first.gp_weight, first.lr, first.beta1, first.beta2) == (
        100,
        10.0,
        1e-4,
        0.5,
        0.9,
    )
    assert (first.n_critic, first.batch, first.epochs, first.width) == (5, 64, 200, 64)
    assert (second.latent_dim, second.gp_weight, second.lr, second.beta1, second.beta2) == (
        128,
        5.0,
        1e-4,
        0.0,
        0.9,
    )
    assert (second.n_critic, second.batch, second.epochs) == (5, 128, 30)
    assert not first.curate
    assert not second.curate


@pytest.mark.parametrize("recipe", ROWS)
def test_every_recipe_makes_a_config(recipe: str) -> None:
    assert make_config(recipe, {"seed": 3}).seed == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps=1e3", ("steps", 1000)),
        ("curate=false", ("curate", False)),
        ("curate=TRUE", ("curate", True)),
        ("train_minutes=0.5", ("train_minutes", 0.5)),
        ("lr=2e-4", ("lr", 2e-4)),
        ("policy=first-seed", ("policy", "first-seed")),
    ],
)
def test_overrides_have_the_fields_type(text: str, expected: tuple[str, object]) -> None:
    key, value = parse_override(text)
    assert (key, value) == expected
    assert type(value) is type(expected[1])


@pytest.mark.parametrize(
    "text", ["steps=1.5", "steps=inf", "steps=", "steps", "lr=fast", "curate=7", "minutes=1h"]
)
def test_values_of_another_type_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        parse_override(text)


@pytest.mark.parametrize(("word", "nearest"), [("curat", "curate"), ("train_minute", "train_min")])
def test_an_unknown_key_names_the_nearest(word: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{nearest}"):
        parse_override(f"{word}=1")


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'first-seed'"):
        make_config("first_sead", {})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("minutes", 0.0, "minutes is out of range, expected 0.1 to .*, got 0.0"),
        ("lr", float("nan"), "lr is out of range, .*, got nan"),
        ("batch", 0, "batch is out of range, expected 1 to "),
        ("samples", 1, "samples is out of range, expected 2 to .*, got 1"),
        ("policy", "page", "no policy 'page'"),
    ],
)
def test_values_out_of_range_are_refused(key: str, value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_config("first-seed", {key: value})


VALUES = st.text(max_size=8) | st.integers().map(str) | st.floats().map(str)


@given(st.text(max_size=30) | st.builds("{}={}".format, st.sampled_from(sorted(KEYS)), VALUES))
@example("steps=5")
@example("recipe=edm")
def test_any_text_is_a_value_of_its_keys_type_or_refused(text: str) -> None:
    refused, found = "", None
    try:
        found = parse_override(text)
    except InputError as error:
        refused = str(error)
    if found is None:
        assert ("there is no key" in refused) != ("cannot be read" in refused)
    else:
        assert text.startswith(f"{found[0]}=")
        assert type(found[1]) is get_type_hints(Config)[found[0]]


@pytest.mark.parametrize("recipe", ROWS)
def test_the_defaults_are_a_valid_run_of_a_whole_submission(recipe: str) -> None:
    assert make_config(recipe, {}).samples == 1000


def test_every_field_says_what_it_is() -> None:
    assert list(KEYS) == [name for name in as_dict(Config()) if name != "given"]
    for name, key in KEYS.items():
        assert key.unit, name
        assert key.words, name
        assert (key.auto is not None) == bool(key.by), name
