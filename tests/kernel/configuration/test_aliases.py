"""kernel.aliases: names of the version before are taken, told, and found on disk."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import InputError
from lib.base.files import write_json
from lib.base.tensor_files import read_state, write_state
from lib.commands.terminal.parse_override import parse_override
from lib.kernel.competition.contract import Images
from lib.kernel.competition.gan_challenge.competition import hash_input, read_images
from lib.kernel.competition.gan_challenge.dataset import SUMMARY_FILE
from lib.kernel.configuration.aliases import modernise, modernise_config, name_in_caches
from lib.kernel.configuration.config import OFFICIAL, POLICIES, PREPROCESSINGS, as_dict
from lib.kernel.configuration.settings import read_block
from lib.kernel.device.device import Device
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.report.provenance import identify, is_finished
from lib.kernel.sampling.model_file import read_model, write_model
from tests.local_runs import write_input
from tests.small import PRESETS, as_model, build_network

pytestmark = pytest.mark.ships
CPU = Device(torch.device("cpu"), None, "cpu")
OLD_KEYS = {"eval_samples": "judge", "clusters": "codes"}
LATER = {"competition", "image_px", "image_name"}
TOLD = "the old name goes with the next release"


def as_before(values: dict) -> dict:
    """A configuration of today as the version before wrote it."""
    old = {OLD_KEYS.get(key, key): value for key, value in values.items() if key not in LATER}
    for key in ("policy", "preprocessing"):
        old[key] = "host" if old[key] == OFFICIAL else old[key]
    return {**old, "given": [OLD_KEYS.get(key, key) for key in old["given"]]}


@pytest.mark.parametrize("recipe", PRESETS)
def test_a_configuration_of_the_version_before_is_that_of_today(recipe: str) -> None:
    given = {"clusters": 3} if "clusters" in PRESETS[recipe].keys else {}
    now = as_dict(make_config(recipe, given))
    assert as_before(now) != now
    assert modernise_config(as_before(now)) == now
    assert modernise_config(now) == modernise(now) == now
    assert modernise_config({}) == {}


@pytest.mark.parametrize(
    ("text", "key", "value", "old", "new"),
    [
        ("judge=8", "eval_samples", 8, "judge", "eval_samples"),
        ("codes=auto", "clusters", 0, "codes", "clusters"),
        ("policy=host", "policy", OFFICIAL, "host", OFFICIAL),
        ("preprocessing=host", "preprocessing", OFFICIAL, "host", OFFICIAL),
    ],
)
def test_an_old_name_is_taken_with_a_line_that_says_so(
    text: str, key: str, value: object, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_override(text) == (key, value)
    assert capsys.readouterr().out == f"config: {old!r} is called {new!r} now; {TOLD}\n"
    written, _, words = text.partition("=")
    config = read_block({"recipe": "pixel", written: 8 if words == "8" else words}, PRESETS)
    assert getattr(config, key) == value
    assert capsys.readouterr().out.count(TOLD) == 1


def test_todays_names_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_override("eval_samples=8") == ("eval_samples", 8)
    assert parse_override(f"policy={OFFICIAL}") == ("policy", OFFICIAL)
    assert capsys.readouterr().out == ""


def test_a_key_by_both_names_is_refused() -> None:
    with pytest.raises(InputError, match="CONFIG has 'clusters' twice, once as 'codes'"):
        read_block({"recipe": "pixel", "clusters": 3, "codes": 4}, PRESETS)


def test_a_started_run_of_the_version_before_is_gone_on_with(tmp_path: Path) -> None:
    recipe, config = load_recipe("pixel"), make_config("pixel", {"clusters": 3, "steps": 5})
    identity = identify(config, recipe, "data")
    for folder in ("output", "scratch"):
        (tmp_path / folder).mkdir()
    before = {**identity, "config": as_before(identity["config"])}
    write_json(tmp_path / "scratch" / "identity.json", before)
    places = (tmp_path / "output", tmp_path / "scratch")
    assert not is_finished(*places, identity, "sha", recipe.preset)
    other = {**identity, "config": as_dict(dataclasses.replace(config, clusters=4))}
    with pytest.raises(InputError, match="clusters: 3 against 4"):
        is_finished(*places, other, "sha", recipe.preset)


def test_a_decoding_of_the_version_before_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, cache = write_input(tmp_path / "input"), tmp_path / "cache"
    recipe, config = load_recipe("pixel"), make_config("pixel", {})

    def read() -> Images:
        return read_images(source, cache, recipe, config, hash_input(source), tmp_path / "train")

    images = read()
    (folder,) = cache.iterdir()
    assert folder.name.endswith("-host")
    summary = json.loads((folder / SUMMARY_FILE).read_text())
    write_json(folder / SUMMARY_FILE, {**summary, "policy": "host"})
    capsys.readouterr()
    assert np.array_equal(read().real, images.real)
    assert "lie in" in capsys.readouterr().out
    assert images.metrics["policy"] == OFFICIAL


def test_a_model_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    config = make_config("pixel", {"clusters": 3, "width": 16, "depth": 1})
    network = build_network(config, 1)
    path = write_model(tmp_path / "model.pt", network.state_dict(), config, 1)
    state = read_state(path, CPU.torch_device)
    state["sizes"]["codes"] = state["sizes"].pop("clusters")
    write_state(path, state)
    other = make_config("pixel", {})
    weights = read_model(as_model(path, other), CPU).state_dict()
    assert torch.equal(weights["codebook.centres"], network.state_dict()["codebook.centres"])
    assert weights["codebook.centres"].shape[0] == 3


def test_only_the_official_ones_have_another_name_in_caches() -> None:
    names = {name: name_in_caches(name) for name in (*POLICIES, *PREPROCESSINGS)}
    assert {name: cache for name, cache in names.items() if name != cache} == {OFFICIAL: "host"}
