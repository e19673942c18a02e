"""report.verdict: what is said to whom asks whether to submit."""

import dataclasses
from typing import Any

import pytest

from lib.kernel.competition.gan_challenge.rules import RULES as GAN
from lib.kernel.competition.images.rules import RULES as IMAGES
from lib.kernel.configuration.config import Config
from lib.kernel.report.verdict import (
    DOUBTFUL,
    REFUSE,
    SUBMIT,
    find_multiple,
    judge_run,
    judge_unfinished,
)

pytestmark = pytest.mark.ships

GOOD = {
    "fid": 0.0066,
    "floor": 0.006,
    "excess": 0.0006,
    "seconds": {"decode": 100.0, "train": 900.0},
    "training": {"seconds": 800.0, "ended": "the clock", "rollbacks": 0, "gave_up": False},
}


def judge(config: Config | None = None, rules: Any = GAN, **changes: Any) -> Any:
    return judge_run({**GOOD, **changes}, config or Config(), rules)


def test_a_good_run_is_to_be_submitted_and_the_floor_is_told() -> None:
    verdict = judge()
    assert (verdict.answer, verdict.words) == (SUBMIT, "Submit it.")
    (reason,) = verdict.reasons
    assert reason.startswith("Its FID is 0.0066, 1.1 times the floor of 0.006: by this measure")
    assert verdict.as_dict() == {"answer": SUBMIT, "words": "Submit it.", "reasons": [reason]}
    assert verdict.describe() == f"Submit it. {reason}"
    assert "\n" not in verdict.describe()


@pytest.mark.parametrize(
    ("fid", "answer", "said"),
    [
        (0.0072, SUBMIT, "as good as real"),
        (0.011, SUBMIT, "hardly told from real"),
        (0.03, SUBMIT, "room to improve"),
        (0.12, SUBMIT, "still far"),
        (0.121, DOUBTFUL, "very far"),
    ],
)
def test_each_distance_from_the_floor_has_its_words(fid: float, answer: str, said: str) -> None:
    verdict = judge(fid=fid)
    assert verdict.answer == answer
    assert said in verdict.reasons[0]


def test_a_curated_submission_is_measured_by_the_half_that_did_not_choose_it() -> None:
    found = find_multiple({**GOOD, "fid": 0.001, "fid_held_out": 0.02, "floor_half": 0.01})
    assert found
    assert (found.times, found.is_held_out) == (2.0, True)
    assert find_multiple({"fid": 0.1}) is None
    assert find_multiple({"fid": 0.1, "floor": 0.0}) is None


def test_a_guessed_floor_is_told_as_such() -> None:
    assert "is a guess" in judge(excess=None).reasons[0]


def test_random_weights_are_never_submitted_and_their_fid_is_not_praised() -> None:
    verdict = judge(Config(weights_file="random", samples=12), fid=0.006)
    assert verdict.answer == REFUSE
    assert verdict.words == "Do not submit this: its features come from random weights."
    assert "random" in verdict.reasons[0]
    assert any("12 " in reason for reason in verdict.reasons)
    assert not any("times the floor" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("samples", "word"), [(999, "fewer"), (1001, "more")])
def test_another_number_of_rows_is_refused_where_the_competition_has_one(
    samples: int, word: str
) -> None:
    verdict = judge(Config(samples=samples))
    assert verdict.answer == REFUSE
    assert word in verdict.reasons[0]
    assert judge(Config(competition="images", samples=samples), IMAGES).answer == SUBMIT


def test_without_a_leaderboard_nothing_is_to_be_submitted() -> None:
    assert judge(rules=IMAGES).words == "Use these pictures."
    far = judge(rules=IMAGES, fid=9.0)
    assert (far.answer, far.words) == (
        DOUBTFUL,
        "Use these pictures, but its FID is 1,500 times the floor.",
    )
    random = judge(Config(weights_file="random"), IMAGES)
    assert random.words.startswith("Do not use these pictures")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("copies", DOUBTFUL),
        ("near", DOUBTFUL),
        ("alike", SUBMIT),
        ("far", SUBMIT),
        (None, SUBMIT),
    ],
)
def test_copies_of_training_images_are_a_doubt(kind: str | None, answer: str) -> None:
    verdict = judge(details={"copying": kind})
    assert verdict.answer == answer
    assert len(verdict.reasons) == (2 if answer == DOUBTFUL else 1)


def test_stalls_rollbacks_and_interruptions_are_told_without_a_doubt() -> None:
    training = {**GOOD["training"], "rollbacks": 2}  # type: ignore[dict-item]
    verdict = judge(stall="FID has stalled: 3", interruptions=1, training=training)
    assert verdict.answer == SUBMIT
    told = " ".join(verdict.reasons)
    for words in ("FID has stalled: 3.", "diverged 2 times", "interrupted once"):
        assert words in told


def test_a_training_that_broke_off_is_a_doubt() -> None:
    gone = {"seconds": 800.0, "ended": "diverged 4 times", "rollbacks": 4, "gave_up": True}
    verdict = judge(training=gone)
    assert verdict.words == "Submit it, but its training broke off."
    assert "diverged 4 times" in verdict.reasons[0]


def test_time_that_did_not_go_into_training_is_a_doubt_if_the_clock_bounds_the_run() -> None:
    slow = {"seconds": {"train": 260.0, "real features": 900.0}}
    lost = {**slow, "training": {**GOOD["training"], "seconds": 250.0}}  # type: ignore[dict-item]
    verdict = judge(**lost)
    assert verdict.answer == DOUBTFUL
    assert "the longest other stage, real features, took 15 min 00 s" in verdict.reasons[0]
    assert judge(Config(steps=100), **lost).answer == SUBMIT


def test_minutes_left_unused_by_a_bound_are_told() -> None:
    config = Config(steps=100)
    assert any("of its 90 minutes" in reason for reason in judge(config).reasons)
    short = dataclasses.replace(config, minutes=20)
    assert not any("minutes" in reason for reason in judge(short).reasons)


def test_an_unfinished_run_is_not_to_be_submitted() -> None:
    going, cut = judge_unfinished(True, "decode"), judge_unfinished(False, "decode")
    assert going.answer == cut.answer == REFUSE
    assert "training goes on" in going.words
    assert "'decode'" in cut.reasons[0]
