"""configuration.rules: what a competition allows of keys and picture sides, by recipe."""

import dataclasses
import pickle

import pytest

from lib.base.errors import InputError
from lib.commands.terminal.parse_override import parse_override
from lib.kernel.configuration.config import KEYS
from lib.kernel.configuration.configure import as_candidate, configure
from lib.kernel.configuration.preset import Preset
from lib.kernel.configuration.rules import Rules, describe_sides
from lib.kernel.configuration.settings import read_block
from lib.kernel.recipes.table import find_preset, load_recipe
from tests.small import PRESETS

pytestmark = pytest.mark.ships
MADE_UP = Rules(
    name="made-up",
    title="Made up",
    keys=("image_px", "image_name"),
    defaults={"image_px": 64, "image_name": "{}.png"},
    image_px=range(8, 129),
)
ABLE = Preset("able", {"policy": "first-seed"}, ("lr",), image_px=(32, 64))
UNABLE = Preset("unable", {}, ("lr",), image_px=(32,))
BOTH = Preset("both", {}, ("lr", "trial"), candidates=(ABLE, UNABLE))


def test_a_preset_has_the_keys_and_defaults_of_its_competition() -> None:
    preset = ABLE.adapt(MADE_UP)
    config = configure(preset, {})
    assert {"image_px", "image_name"} <= set(preset.keys)
    assert "policy" not in preset.keys
    assert (config.competition, config.image_px, config.image_name) == ("made-up", 64, "{}.png")
    assert config.policy == "official"  # the recipe's own belongs to another competition
    assert configure(find_preset("first-seed"), {}).policy == "first-seed"
    assert pickle.loads(pickle.dumps(preset)) == preset


def test_a_key_of_another_competition_is_unknown() -> None:
    with pytest.raises(InputError, match="competition 'made-up' does not use policy"):
        configure(ABLE.adapt(MADE_UP), {"policy": "official"})
    with pytest.raises(InputError, match="no key 'policy'") as caught:
        parse_override("policy=official", MADE_UP)
    assert "another --competition has" in caught.value.cure
    assert parse_override("image_px=28", MADE_UP) == ("image_px", 28)
    assert "image_px" not in Rules("x", "X").list_known_keys()
    assert set(MADE_UP.list_known_keys()) == set(KEYS) - {"policy"}
    with pytest.raises(InputError, match="did you mean 'image_px'"):
        parse_override("image_size=28", MADE_UP)


def test_a_side_that_competition_or_recipe_cannot_do_is_refused_with_a_cure() -> None:
    with pytest.raises(InputError, match="expected 8 to 128 px, got 200"):
        MADE_UP.check_side(200)
    with pytest.raises(InputError) as caught:
        configure(UNABLE.adapt(MADE_UP), {})
    assert "'unable' makes no pictures of 64 px" in caught.value.what
    assert "unable 32 px" in caught.value.expected
    assert "--recipe" in caught.value.cure
    with pytest.raises(InputError, match="able 32 or 64; unable 32 px"):
        configure(BOTH.adapt(MADE_UP), {"image_px": 30})
    config = configure(BOTH.adapt(MADE_UP), {})
    assert as_candidate(config, BOTH.adapt(MADE_UP), ABLE.adapt(MADE_UP)).image_px == 64


def test_candidates_that_cannot_make_a_side_are_left_out_with_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    auto = load_recipe("auto").adapt(MADE_UP)
    pixel, *rest = auto.candidates
    able = dataclasses.replace(pixel, preset=dataclasses.replace(pixel.preset, image_px=(30,)))
    auto = dataclasses.replace(auto, candidates=(able, *rest))
    kept = auto.keep_able(30)
    assert [each.name for each in kept.candidates] == ["pixel"]
    assert [each.name for each in kept.preset.candidates] == ["pixel"]
    lines = capsys.readouterr().out.splitlines()
    left = [f"auto: {each.name} cannot make pictures of 30 px and is left out" for each in rest]
    assert lines == left
    assert kept.keep_able(30) == kept


def test_a_config_that_names_another_competition_is_refused() -> None:
    shown = {"recipe": "pixel", "competition": "gan-challenge"}
    assert read_block(shown, PRESETS).competition == "gan-challenge"
    with pytest.raises(InputError) as caught:
        read_block({**shown, "competition": "images"}, PRESETS)
    assert "build anew with --competition images" in caught.value.cure


def test_sides_in_words() -> None:
    assert describe_sides((32,)) == "32"
    assert describe_sides((32, 64)) == "32 or 64"
    assert describe_sides(range(8, 129)) == "8 to 128"
    assert describe_sides(range(8, 129, 4)) == "8 to 128 in steps of 4"
