"""competition.table: every folder with rules is a competition, which options find by its name."""

import pytest

from lib.base.errors import InputError
from lib.kernel.competition.contract import Competition
from lib.kernel.competition.table import (
    DEFAULT_COMPETITION,
    find_mismatch,
    find_rules,
    list_competitions,
    load_competition,
)


def test_the_default_one_comes_first() -> None:
    assert list_competitions()[0] == DEFAULT_COMPETITION


@pytest.mark.parametrize("name", list_competitions())
def test_rules_and_competition_belong_to_the_folder(name: str) -> None:
    competition = load_competition(name)
    assert isinstance(competition, Competition)
    assert competition.rules is find_rules(name)
    assert competition.rules.name == name
    assert competition.rules.files


def test_an_unknown_name_leads_to_the_nearest() -> None:
    with pytest.raises(InputError, match="no competition 'gan-chalenge'") as caught:
        find_rules("gan-chalenge")
    assert caught.value.cure == "did you mean 'gan-challenge'?"


def test_the_data_of_one_competition_are_nothing_for_another() -> None:
    slug = find_rules(DEFAULT_COMPETITION).slug
    assert find_mismatch(DEFAULT_COMPETITION, [slug]) == ""
    assert find_mismatch("images", ["cats-and-dogs"]) == find_mismatch("images", []) == ""
    assert f"{slug} is attached" in find_mismatch("images", ["cats-and-dogs", slug])
