"""What is written in --set or in a kernel's CONFIG, and what a run makes of it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import build
from lib.base.errors import InputError
from lib.commands.book.config_block import explain_key, list_idle, render_config
from lib.commands.terminal.parse_override import parse_override
from lib.kernel.configuration.config import BAKED, KEYS, Config, as_dict
from lib.kernel.configuration.configure import may_be_automatic
from lib.kernel.configuration.settings import (
    list_shown_keys,
    read_block,
)
from lib.kernel.recipes.auto.candidates import tell_candidates
from lib.kernel.recipes.table import ROWS, find_preset, load_recipe, make_config
from lib.kernel.report.provenance import identify
from lib.kernel.report_config import mark_settled
from tests.small import PRESETS

AUTOMATIC = {
    "train_minutes",
    "ranks",
    "batch",
    "clusters",
    "width",
    "depth",
    "trial",
    "eval_samples",
}
AUTOMATIC |= {"fid_loss", "pool", "real_limit"}
UNUSED = [
    (recipe, key)
    for recipe in ROWS
    for key in KEYS
    if key not in PRESETS[recipe].keys and key != "competition"
]


def read_preface(config: Config) -> dict[str, Any]:
    """A Config -> CONFIG as the bundle has it."""
    names: dict[str, Any] = {}
    exec(render_config(config), names)
    return names["CONFIG"]


def show_config(config: Config) -> str:
    """A Config -> CONFIG as the bundle has it, each comment in one line."""
    return re.sub(r"\n +#   (?=\S)", " ", render_config(config))


def test_no_two_of_these_build_the_same_bundle() -> None:
    """All of them and a build without --set were one and the same."""
    auto = load_recipe("auto")
    texts: list[dict[str, Any]] = [
        {},
        {"width": 64},
        {"lr": 1e-4},
        {"tail": 0.0},
        {"fid_loss": 0.0},
    ]
    configs = [make_config("auto", given) for given in texts]
    assert len({render_config(config) for config in configs}) == len(texts)
    assert len({str(identify(config, auto, "ab")) for config in configs}) == len(texts)
    for config, text in zip(configs, texts, strict=True):
        assert text.items() <= read_preface(config).items()


@pytest.mark.parametrize(("recipe", "key"), UNUSED)
def test_a_key_that_is_not_used_is_refused_with_those_that_are(recipe: str, key: str) -> None:
    value = getattr(make_config(recipe, {}), key)
    with pytest.raises(InputError) as error:
        make_config(recipe, {key: value})
    assert key in error.value.what
    told = set(re.findall(r"\w+", error.value.cure.split("it uses")[1]))
    assert told == set(PRESETS[recipe].keys) - {"recipe", "weights_file", "weights_sha256"}
    with pytest.raises(InputError, match=key):
        read_block({**read_preface(make_config(recipe, {})), key: value}, PRESETS)


def test_no_candidate_of_auto_uses_n_critic(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--set", "n_critic=5"]) == 2
    told = capsys.readouterr().err
    assert "no candidate of recipe 'auto' uses n_critic" in told
    assert "it uses seed, minutes, " in told
    assert len(told.splitlines()) <= 3  # the metadata's warning, what, cure


@pytest.mark.parametrize("recipe", ROWS)
def test_a_kernel_shows_what_its_recipe_uses_each_with_unit_and_word(recipe: str) -> None:
    config = make_config(recipe, {})
    lines, preset = show_config(config).splitlines(), PRESETS[recipe]
    idle = list_idle(config, preset)
    assert idle == ({"curate", "pool"} if recipe.endswith("-seed") else set())
    for key in KEYS:
        found = [line for line in lines if f"{key!r}:" in line]
        assert len(found) == (key in preset.keys and key not in idle), key
        words = preset.words.get(key, KEYS[key].words)
        for line in found:
            assert line.split(" # ")[-1].startswith(f"{KEYS[key].unit}: {words}")
            assert line.lstrip().startswith("#") == (
                key not in list_shown_keys(config, PRESETS[recipe])
            )
    if recipe == "auto":
        assert "'lr': ...," in " ".join(lines)
        assert "pixel 0.002, r3gan 0.0002, edm 0.001" in " ".join(lines)
        given = make_config("auto", {"lr": 1e-4})
        assert set(list_shown_keys(given, PRESETS[recipe])) == {
            *list_shown_keys(config, PRESETS[recipe]),
            "lr",
        }
    else:
        assert set(list_shown_keys(config, PRESETS[recipe])) == set(PRESETS[recipe].keys)


@pytest.mark.parametrize("recipe", ROWS)
@settings(deadline=None)  # of the shared machine, not of the code
@given(data=st.data())
def test_config_comes_back_from_what_the_kernel_shows(recipe: str, data: st.DataObject) -> None:
    usual = as_dict(make_config(recipe, {}))
    keys = st.sets(st.sampled_from([key for key in PRESETS[recipe].keys if key != "recipe"]))
    config = make_config(recipe, {key: usual[key] for key in data.draw(keys)})
    assert read_block(read_preface(config), PRESETS) == config


@pytest.mark.parametrize("recipe", ROWS)
@pytest.mark.parametrize("key", sorted(AUTOMATIC))
def test_auto_and_the_old_number_are_one(recipe: str, key: str) -> None:
    assert {name for name, key in KEYS.items() if key.auto is not None} == AUTOMATIC
    if key not in PRESETS[recipe].keys:
        return
    old = f"{key}={KEYS[key].auto:g}"
    assert old in (f"{key}=0", "fid_loss=-1")
    assert parse_override(f"{key}=auto") == parse_override(f"{key}=AUTO") == parse_override(old)
    if not may_be_automatic(key, PRESETS[recipe]):
        for text in (f"{key}=auto", old):
            with pytest.raises(InputError, match="got auto") as error:
                make_config(recipe, dict([parse_override(text)]))
            assert "auto" not in error.value.expected
            assert "auto:" not in explain_key(key, PRESETS[recipe])
        return
    one, two = (make_config(recipe, dict([parse_override(t)])) for t in (f"{key}=auto", old))
    assert one == two
    assert render_config(one) == render_config(two)
    if key in list_idle(one, PRESETS[recipe]):
        assert key not in read_preface(one)
        return
    assert read_preface(one)[key] == "auto"
    block = {"recipe": recipe}
    assert (
        read_block({**block, key: "auto"}, PRESETS)
        == read_block({**block, key: KEYS[key].auto}, PRESETS)
        == one
    )
    assert f"auto: {KEYS[key].by}" in show_config(one)


@pytest.mark.parametrize("key", sorted(set(KEYS) - AUTOMATIC - set(BAKED)))
def test_auto_is_refused_where_nothing_is_automatic(key: str) -> None:
    with pytest.raises(InputError) as error:
        make_config("first-seed", dict([parse_override(f"{key}=auto")]))
    assert " or auto" not in error.value.expected
    with pytest.raises(InputError):
        read_block({"recipe": "first-seed", key: "auto"}, PRESETS)


@pytest.mark.parametrize(
    ("key", "value", "meaning"),
    [
        ("eval_samples", -1, "none"),
        ("fid_loss", 0.0, "none"),
        ("steps", 0, "no cap"),
        ("epochs", 0, "no cap"),
    ],
)
def test_none_is_no_automatic_value_and_is_described(key: str, value: float, meaning: str) -> None:
    config = make_config("r3gan", dict([parse_override(f"{key}={value}")]))
    assert read_preface(config)[key] == value
    assert f"{value:g}: {meaning}" in KEYS[key].words


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"stepz": 3}, "did you mean 'steps'"),
        ({"learning_rate": 1.0}, "did you mean 'lr'"),
        ({"image_size": 64}, "32 x 32 px"),
        ({"steps": "3"}, "expected a whole number, got '3'"),
        ({"steps": True}, "expected a whole number, got True"),
        ({"steps": 2.5}, "expected a whole number, got 2.5"),
        ({"steps": float("inf")}, "expected a whole number, got inf"),
        ({"batch": ...}, "expected a whole number or auto, got Ellipsis"),
        ({"batch": None}, "expected a whole number or auto, got None"),
        ({"curate": 1}, "expected true or false, got 1"),
        ({"lr": "auto"}, "expected a number, got 'auto'"),
        ({"lr": [1e-3]}, "expected a number, got"),
        ({"recipe": 3}, "expected a text, got 3"),
        ({"recipe": "pixels"}, "did you mean 'pixel'"),
        ({"batch": -3}, "expected 1 to 65536 or auto, got -3"),
        ({"n_critic": 5}, "does not use n_critic"),
        ({3: 5}, "CONFIG has a key 3 that is none"),
    ],
)
def test_an_edit_of_config_that_cannot_be_meant_names_its_cure(
    edit: dict[Any, Any], named: str
) -> None:
    with pytest.raises(InputError) as error:
        read_block({**read_preface(make_config("pixel", {})), **edit}, PRESETS)
    assert named in str(error.value)
    assert error.value.cure


def test_other_edits_of_config_do_what_they_say() -> None:
    shown = read_preface(make_config("pixel", {}))
    edited = {**shown, "lr": 1, "steps": 1e3, "batch": 7, "sweep": False}
    del edited["width"]
    expected = make_config("pixel", {"lr": 1.0, "steps": 1000, "batch": 7, "sweep": False})
    assert read_block(edited, PRESETS) == expected
    assert type(read_block(edited, PRESETS).steps) is int
    assert type(read_block(edited, PRESETS).lr) is float
    auto = read_preface(make_config("auto", {}))
    assert read_block({**auto, "lr": 1e-4}, PRESETS) == make_config("auto", {"lr": 1e-4})
    assert read_block({"lr": 1e-4}, PRESETS) == make_config("auto", {"lr": 1e-4})


@pytest.mark.parametrize(
    ("word", "told"),
    [
        *((name, "'lr'") for name in ("learning_rate", "LR", "learning-rate")),
        *((name, "'batch'") for name in ("batch_size", "batchsize", "bs")),
        *((name, "'epochs'") for name in ("epoch", "num_epochs", "n_epochs")),
        *((name, "'gp_weight'") for name in ("lambda", "lambda_gp", "gamma")),
        *((name, "'steps'") for name in ("max_steps", "iterations", "iters")),
        *((name, "'ema_decay'") for name in ("ema", "ema_rate")),
        *((name, "32 x 32 px") for name in ("image_size", "img_size", "resolution")),
        *((name, "the cores that there are") for name in ("workers", "num_workers")),
        ("latent", "'latent_dim'"),
        ("z_dim", "'latent_dim'"),
        ("random_state", "'seed'"),
        ("gpus", "'ranks'"),
        ("recipe", "--recipe NAME"),
        ("model", "--recipe NAME"),
        ("weights", "--weights FILE"),
        ("weights_file", "--weights FILE"),
        ("weights_sha256", "--weights FILE"),
        ("output", "--output DIR"),
        ("curat", "'curate'"),
    ],
)
def test_the_usual_names_lead_to_ours(
    capsys: pytest.CaptureFixture[str], word: str, told: str
) -> None:
    assert build.main(["--set", f"{word}=1"]) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_candidates_are_told_with_what_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    auto, config = load_recipe("auto"), make_config("auto", {"lr": 1e-4, "tail": 0.0})
    cpu, gpu = (tell_candidates(auto, config, is_cuda) for is_cuda in (False, True))
    assert list(cpu) == ["pixel", "r3gan", "edm"]
    assert cpu["pixel"]["width"] == 128
    assert gpu["pixel"]["width"] == 512
    assert cpu["pixel"]["tail"] == 0.0
    assert cpu["pixel"]["clusters"] == "auto"  # by the images' number
    assert (cpu["r3gan"]["fid_loss"], gpu["r3gan"]["fid_loss"]) == (0.0, 0.05)
    assert {row["lr"] for row in cpu.values()} == {1e-4}
    assert not {"tail", "clusters", "latent_dim", "fid_loss"} & cpu["edm"].keys()
    lines = [line for line in capsys.readouterr().out.splitlines() if "would run with" in line]
    assert len(lines) == 6
    assert lines[0].count("(given)") == 2
    assert "lr 0.0001 (given)" in lines[0]
    assert lines[2].count("(given)") == 1
    assert tell_candidates(load_recipe("pixel"), make_config("pixel", {}), False) == {}


def test_what_was_automatic_is_told_with_what_it_became() -> None:
    given, used = (
        make_config("edm", {"real_limit": 500}),
        make_config("edm", {"batch": 32, "width": 16}),
    )
    found = {"pool": 5000, "ranks": 2, "train_minutes": 1.5, "eval_samples": 250, "real_limit": 400}
    told = mark_settled(given, find_preset("edm"), used, found)
    assert told["batch"] == "auto, settled as 32"
    assert told["pool"] == "auto, settled as 5000"
    assert told["eval_samples"] == "auto, settled as 250"
    assert told["train_minutes"] == "auto, settled as 1.5"
    assert told["depth"] == "auto"
    assert told["lr"] == 1e-3
    assert "n_critic" not in told
    auto = make_config("auto", {"tail": 0.0})
    told = mark_settled(auto, find_preset("auto"), used, {"trial": 250})
    assert told["recipe"] == "auto, settled as edm"
    assert told["lr"] == "each candidate's own, settled as 0.001"
    assert told["latent_dim"] == "each candidate's own, not used by edm"
    assert told["tail"] == "0, not used by edm"
    assert told["trial"] == "auto, settled as 250"


def test_a_kernel_of_auto_runs_one_of_its_candidates_alone() -> None:
    """Its lines for the others are left out, unless somebody edited them."""
    block = {**read_preface(make_config("auto", {})), "recipe": "r3gan"}
    assert {"trial", "clusters"} <= block.keys()
    config = read_block(block, PRESETS)
    assert (config.recipe, config.lr) == ("r3gan", find_preset("r3gan").usual.lr)
    with pytest.raises(InputError, match="clusters"):
        read_block({**block, "clusters": 7}, PRESETS)


def test_another_recipe_in_a_full_kernel_has_its_own_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines that nobody edited are the first recipe's, and a hybrid of two is nobody's wish."""
    presets = {"second-seed": PRESETS["second-seed"], **PRESETS}
    block = {**read_preface(make_config("second-seed", {})), "recipe": "first-seed", "seed": 5}
    config = read_block(block, presets)
    assert config == make_config("first-seed", {"seed": 5})
    assert "first-seed has its own values but for edited lines: seed" in capsys.readouterr().out


def test_a_recipe_that_a_kernel_lacks_is_named_with_those_that_it_holds() -> None:
    with pytest.raises(InputError) as caught:
        read_block({"recipe": "edmm"}, {"pixel": PRESETS["pixel"], "edm": PRESETS["edm"]})
    ideas = {name: PRESETS[name].idea.rstrip(".") for name in ("pixel", "edm")}
    assert caught.value.expected == " or ".join(f"{name!r} ({ideas[name]})" for name in ideas)
    assert "did you mean 'edm'?" in caught.value.cure
    assert "--full" in caught.value.cure
