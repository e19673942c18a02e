"""--set help and --recipe help: all that a recipe takes, as it takes it, and nothing else."""

import inspect
import json
import re

import pytest

import build
from lib.commands.terminal import settings_help
from lib.commands.terminal.parse_override import parse_override
from lib.commands.terminal.settings_help import FIRST, GROUPS, list_keys
from lib.kernel.competition.table import find_rules, list_competitions
from lib.kernel.configuration.config import BAKED, KEYS, Config, show_value
from lib.kernel.recipes.table import ROWS, find_preset, make_config

TAKERS = ("build", "run", "push", "sweep")


def show(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert build.main(words) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out


def test_groups_are_those_that_config_is_written_in() -> None:
    source = inspect.getsource(Config)
    found = re.findall(r"^    # (The run|\w+)\n    (\w+):", source, re.MULTILINE)
    assert {key: title.lower() for title, key in found} == {
        key: title.lower() for key, title in GROUPS.items()
    }


@pytest.mark.parametrize("competition", list_competitions())
@pytest.mark.parametrize("recipe", ROWS)
def test_keys_are_those_that_the_recipe_takes_with_its_own_defaults(
    recipe: str, competition: str
) -> None:
    table = list_keys(recipe, competition)
    names = [key["name"] for key in table["keys"]]
    usual = make_config(recipe, {}, competition)
    assert sorted(names) == sorted({*find_preset(recipe, competition).keys} - {*BAKED})
    assert [key["name"] for key in table["keys"] if key["group"] == FIRST] == names[:3]
    for key in table["keys"]:
        name = key["name"]
        if key["default"] is None:
            assert set(key["candidates"]) <= set(ROWS)
            assert all(value is not None for value in key["candidates"].values())
            continue
        assert key["default"] == show_value(name, getattr(usual, name))
        text = settings_help._show(key["default"])
        given = dict([parse_override(f"{name}={text}", find_rules(competition))])
        assert given == {name: getattr(usual, name)}
        assert key["unit"] == KEYS[name].unit
        assert key["words"]


@pytest.mark.parametrize("command", TAKERS)
@pytest.mark.parametrize("words", [["--set", "help"], ["--set=help"]], ids=str)
def test_every_command_with_set_lists_keys_before_it_needs_anything(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = show(capsys, command, "--recipe", "pixel", *words)
    assert re.search(r"^  lr +0\.002 +factor: learning rate$", shown, re.MULTILINE)
    assert "  curate         true " in shown
    assert "n_critic" not in shown
    parsed = json.loads(show(capsys, command, "--recipe", "pixel", *words, "--json"))
    assert (parsed["recipe"], parsed["competition"]) == ("pixel", "gan-challenge")
    assert {key["name"]: key["default"] for key in parsed["keys"]}["lr"] == 0.002


def test_a_list_respects_the_competition_and_is_the_default_recipe_s_without_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = show(capsys, "--set", "help", "--competition", "images")
    assert shown.startswith("auto for competition images: ")
    assert re.search(r"^  image_px +32 +px: ", shown, re.MULTILINE)
    assert "policy " not in shown
    assert "(pixel 0.002, r3gan 0.0002, edm 0.001)" in " ".join(shown.split())


def test_recipes_are_listed_each_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(show(capsys, "run", "--recipe", "help").split())
    parsed = json.loads(show(capsys, "--recipe=help", "--json"))
    assert [one["name"] for one in parsed["recipes"]] == list(ROWS)
    for name, row in ROWS.items():
        assert row.preset.idea
        assert f"{row.preset.idea}" in shown
        assert name in shown
    assert len({row.preset.idea for row in ROWS.values()}) == len(ROWS)


@pytest.mark.parametrize("columns", [80, 120])
def test_lists_fit_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = show(capsys, "--set", "help") + show(capsys, "--recipe", "help")
    assert columns - 20 < max(map(len, shown.splitlines())) <= columns


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--recipe", "pixl", "--set", "help"], "'pixel' (A model draws each pixel"),
        (["--recipe", "pixl"], "'pixel' (A model draws each pixel"),
        (["--recipe", "zzz"], "--recipe help lists the recipes and says what each is"),
        (["--competition", "imges", "--set", "help"], "'images'"),
        (["sweep", "--recipe", "pixel,edm", "--set", "help"], "--recipe pixel --set help"),
        (["run", "--set", "help", "--inptu", "x"], "'--input'"),
        (["run", "--input", ".", "--output", "x", "--json"], "--set help or --recipe help"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_two_lines(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert len(shown.err.splitlines()) <= 2
