"""A run beside those before it: the best comparable one, in numbers and words."""

import pytest

from lib.commands.all_runs.comparison import Comparison, compare, find_obstacle
from lib.commands.all_runs.row import KAGGLE, LOCAL, RunRow

FACTS = {
    "competition": "gan-challenge",
    "recipe": "pixel",
    "floor": 0.003,
    "random_weights": False,
    "samples": 1000,
    "data_sha256": "d" * 64,
    "weights_sha256": "a" * 64,
    "config": {"preprocessing": "official", "policy": "official", "image_px": 32},
}


def make(version: int, fid: float | None, **facts: object) -> RunRow:
    values: dict = {**FACTS, **facts}
    return RunRow(f"gan/v{version}", KAGGLE, "COMPLETE", fid=fid, **values)


def test_better_than_the_best_of_several() -> None:
    earlier = [make(1, 0.02), make(2, 0.0125), make(3, 0.03)]
    told = compare(make(4, 0.01), earlier)
    assert told == Comparison(
        "better",
        "FID 0.01, 3.3 times its floor; the best of 3 runs before on the same data has 0.0125 "
        "(v2, pixel): better by 20 %",
        best="gan/v2",
        percent=20.0,
        earlier=3,
    )
    assert told.short == "20 % better"


def test_worse_than_the_one_before() -> None:
    told = compare(make(2, 0.015), [make(1, 0.0125, recipe="r3gan")])
    assert told.words.endswith(
        "the one run before on the same data has 0.0125 (v1, r3gan): worse by 20 %"
    )
    assert (told.state, told.percent, told.short) == ("worse", -20.0, "20 % worse")


def test_pictures_chosen_by_fid_are_measured_by_those_that_did_not_choose_them() -> None:
    """As in the run's report, whose multiple of the floor the board repeats."""
    told = compare(make(1, 0.003, fid_held_out=0.02, floor_half=0.005), [])
    assert told.words.startswith("FID 0.003, 4.0 times its floor on held-out real pictures; ")


def test_fids_that_hardly_differ_are_equal() -> None:
    told = compare(make(2, 0.010001), [make(1, 0.01)])
    assert (told.state, told.short) == ("equal", "equal")
    assert told.words.endswith(": as good")


def test_an_fid_of_nought_is_compared_without_a_division_by_it() -> None:
    told = compare(make(2, 0.0), [make(1, 0.0)])
    assert (told.state, told.percent) == ("equal", 0.0)


def test_the_first_run_says_so() -> None:
    told = compare(make(1, 0.01), [])
    assert told.words == "FID 0.01, 3.3 times its floor; no comparable run before"
    assert (told.state, told.short) == ("first", "first")


@pytest.mark.parametrize(
    ("fid", "facts", "words"),
    [
        (None, {}, "not compared: it has no FID"),
        (1.0, {"random_weights": True}, "came from random weights, so its FID means nothing"),
    ],
)
def test_a_run_without_a_meaning_is_not_compared(
    fid: float | None, facts: dict[str, object], words: str
) -> None:
    told = compare(make(2, fid, **facts), [make(1, 0.01)])
    assert words in told.words
    assert (told.state, told.best, told.short) == ("none", None, "-")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"competition": "images"}, "another competition"),
        ({"data_sha256": "e" * 64}, "other data"),
        ({"weights_sha256": "b" * 64}, "features of other weights"),
        ({"samples": 500}, "another number of pictures"),
        ({"random_weights": True}, "random weights"),
        ({"config": {"preprocessing": "tensorflow"}}, "another preprocessing"),
        ({"config": {"image_px": 64}}, "pictures of another side"),
        ({"floor": 0.0034}, "another floor"),
        ({"floor": -0.003}, "another floor"),
    ],
)
def test_what_measures_something_else_is_left_out_and_named(
    facts: dict[str, object], reason: str
) -> None:
    other = make(1, 0.0001, **facts)
    assert find_obstacle(make(3, 0.01), other) == reason
    told = compare(make(3, 0.01), [other, make(2, 0.02)])
    assert (told.best, told.earlier) == ("gan/v2", 1)
    assert told.words.endswith(f"better by 50 %; not comparable: 1 ({reason})")


@pytest.mark.parametrize("name", ["data_sha256", "weights_sha256", "samples", "config", "floor"])
def test_what_is_unknown_is_taken_to_be_the_same(name: str) -> None:
    told = compare(make(2, 0.01), [make(1, 0.02, **{name: None})])
    assert told.best == "gan/v1"
    where = "of the same competition" if name == "data_sha256" else "on the same data"
    assert where in told.words


def test_a_hash_may_be_given_by_its_beginning() -> None:
    """As the configuration of a push does, whose run has not been fetched."""
    assert find_obstacle(make(2, 0.01), make(1, 0.02, weights_sha256="a" * 8)) == ""
    assert find_obstacle(make(2, 0.01, weights_sha256="a" * 8), make(1, 0.02)) == ""


def test_a_run_without_fid_before_is_no_obstacle() -> None:
    told = compare(make(3, 0.01), [make(1, None), make(2, 0.02)])
    assert (told.earlier, "not comparable" in told.words) == (1, False)


def test_a_run_of_another_place_has_its_whole_name() -> None:
    local = RunRow("build/demo", LOCAL, "COMPLETE", fid=0.02, **FACTS)  # type: ignore[arg-type]
    assert "(build/demo, pixel)" in compare(make(2, 0.01), [local]).words
    other = RunRow("other/v1", KAGGLE, "COMPLETE", fid=0.02)
    assert "(other/v1)" in compare(make(2, 0.01), [other]).words
