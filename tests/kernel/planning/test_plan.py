"""The time budget: configured sizes hold while they fit, and yield with a reason where not."""

import dataclasses
import math
from typing import Any

import pytest

from lib.base.errors import InputError
from lib.kernel.configuration.config import Config
from lib.kernel.planning.automatic import fill_defaults
from lib.kernel.planning.plan import (
    MOST_TRIES,
    UNSEEN_ON_CPU,
    Wanted,
    demand_time,
    describe_plan,
    fit_pool,
    fit_unseen,
    make_plan,
    plan_run,
)
from lib.kernel.planning.speeds import Speeds
from lib.kernel.recipes.table import find_preset, make_config

pytestmark = pytest.mark.ships


FAST = Speeds(feature_s=0.001, sample_s=0.0001, curate_s=60)
SLOW = Speeds(feature_s=0.06, sample_s=0.02, curate_s=120)
CANDIDATES = [candidate.name for candidate in find_preset("auto").candidates]


def settle(recipe: str, given: dict[str, Any], is_cuda: bool) -> tuple[Config, list[str]]:
    """A recipe and what was given -> its Config on that device, and the reasons."""
    return fill_defaults(make_config(recipe, given), find_preset(recipe), is_cuda)


def test_a_long_run_keeps_every_size() -> None:
    config, _ = settle("pixel", {}, is_cuda=True)
    plan = plan_run(config, 690 * 60, 58_000, missing=58_000, speeds=FAST)
    assert (plan.real, plan.pool, plan.reasons) == (58_000, 20_000, ())
    assert plan.train_s + plan.reserve_s + 58_000 * FAST.feature_s == pytest.approx(690 * 60)


def test_kaggles_default_keeps_every_size_too() -> None:
    config, _ = settle("auto", {}, is_cuda=True)
    assert config.minutes == 90
    plan = plan_run(config, config.minutes * 60, 54_000, 54_000, FAST, CANDIDATES)
    assert plan.reasons == ()


def test_a_short_run_gives_up_the_pool_before_the_real_images() -> None:
    config, _ = settle("pixel", {"sweep": False}, is_cuda=False)
    plan = plan_run(config, 15 * 60, 5_000, missing=5_000, speeds=SLOW)
    assert plan.pool == config.samples
    assert plan.real == 5_000
    assert [reason.split(":")[0] for reason in plan.reasons] == ["no pool of 5,000 and no curation"]


def test_a_shorter_run_gives_up_real_images_too_but_not_the_floor() -> None:
    config, _ = settle("pixel", {"sweep": False}, is_cuda=False)
    plan = plan_run(config, 5 * 60, 10_000, missing=10_000, speeds=SLOW)
    assert plan.real == 2_000
    assert plan.train_s > 60
    assert len(plan.reasons) == 2


def test_no_time_at_all_still_leaves_a_plan() -> None:
    config, _ = settle("first-seed", {}, is_cuda=False)
    plan = plan_run(config, 10, 10_000, missing=10_000, speeds=SLOW)
    assert plan.train_s == 0
    assert plan.pool == 1000


def test_training_that_was_asked_for_has_all_the_time_if_need_be() -> None:
    config, _ = settle("first-seed", {"train_minutes": 5.0}, is_cuda=False)
    assert plan_run(config, 3600, 3000, missing=0, speeds=SLOW).train_s == 300
    assert plan_run(config, 240, 3000, missing=0, speeds=SLOW).train_s == 240
    by_steps = dataclasses.replace(config, train_minutes=0.0, steps=10)
    assert plan_run(by_steps, 240, 3000, missing=0, speeds=SLOW).train_s == 240


def test_defaults_depend_on_the_device_and_say_so() -> None:
    config = make_config("second-seed", {})
    on_cpu, reasons = fill_defaults(config, find_preset("second-seed"), is_cuda=False)
    assert (on_cpu.real_limit, on_cpu.epoch_fid, on_cpu.pool) == (10_000, 200, 0)
    assert len(reasons) == 2
    assert fill_defaults(config, find_preset("second-seed"), is_cuda=True) == (config, [])


def test_what_the_user_chose_is_kept() -> None:
    chosen = {"pool": 3000, "real_limit": 20_000}
    config, reasons = settle("pixel", chosen, is_cuda=False)
    assert (config.pool, config.real_limit, reasons) == (3000, 20_000, [])


def test_the_sweep_is_the_first_to_yield() -> None:
    config, _ = settle("pixel", {"pool": 1200}, is_cuda=False)
    speeds = Speeds(feature_s=0.06, sample_s=0.02, curate_s=10)
    whole = plan_run(config, 3600, 2000, missing=2000, speeds=speeds)
    assert (whole.sweep, whole.reasons) == (MOST_TRIES, ())
    assert whole.train_s == pytest.approx(3600 - 2000 * 0.06 - whole.reserve_s)
    assert whole.reserve_s == pytest.approx(30 + 10 + (1200 + MOST_TRIES * 1000) * 0.08)
    for seconds, tries, words in (
        (1050, 4, "a sweep of 4 temperatures"),
        (600, 0, "no sweep of the temp"),
    ):
        plan = plan_run(config, seconds, 2000, missing=2000, speeds=speeds)
        assert (plan.sweep, plan.pool) == (tries, 1200)
        assert [reason[: len(words)] for reason in plan.reasons] == [words]


def test_trials_take_a_fifth_of_the_training_time_or_are_left_out() -> None:
    """Chunks are drawn whole: a trial of 62 images draws as many as one of 125."""
    config, _ = settle("auto", {"pool": 1000}, is_cuda=False)
    found = []
    for feature_s in (0.001, 0.05, 0.2, 2.0):
        speeds = Speeds(feature_s, sample_s=0.02, at_once=125)
        found.append(plan_run(config, 1200, 2000, 0, speeds, CANDIDATES))
    assert [plan.trial for plan in found] == [250, 250, 62, 0]
    assert found[-1].reasons[0].startswith("no trials, pixel: ")


@pytest.mark.parametrize("recipe", ["auto", "pixel", "first-seed"])
def test_a_run_that_leaves_nothing_for_training_is_refused_with_the_minutes_that_do(
    recipe: str,
) -> None:
    config, _ = settle(recipe, {"minutes": 3.0}, is_cuda=False)
    demand_time(config, FAST, 2000, spent_s=5.0)
    with pytest.raises(InputError) as refused:
        demand_time(config, SLOW, 2000, spent_s=5.0)
    assert "80 ms" in refused.value.got
    enough = int(refused.value.cure.split()[1])
    assert enough < 6
    demand_time(dataclasses.replace(config, minutes=float(enough)), SLOW, 2000, spent_s=5.0)
    for asked in ({"steps": 10}, {"train_minutes": 1.0}):
        demand_time(make_config(recipe, {"minutes": 3.0, **asked}), SLOW, 2000, spent_s=5.0)


def test_a_pool_shrinks_to_what_fits_and_is_given_up_where_it_gives_no_choice() -> None:
    config = make_config("pixel", {})
    speeds = dataclasses.replace(SLOW, at_once=125)
    fits = [fit_pool(config, 5000, seconds, speeds) for seconds in (math.inf, 520, 400, 281, 200)]
    assert fits == [5000, 5000, 3500, 2000, 1000]
    assert fit_pool(config, 1000, -5.0, speeds) == 1000


def test_the_plan_is_told_in_one_line() -> None:
    config, _ = settle("pixel", {"curate": False, "steps": 250}, is_cuda=False)
    plan = plan_run(config, 5400, 300, missing=300, speeds=SLOW)
    words = describe_plan(config, plan)
    assert "300 real images, 250 steps of training, 1,000 images" in words
    assert "takes about 11 min" in words  # the sweep's 7,000 images


def test_features_of_images_set_aside_yield_where_time_is_short() -> None:
    timed, by_steps = make_config("pixel", {}), make_config("pixel", {"steps": 5})
    assert fit_unseen(6_000, True, timed, left_s=5_000, feature_s=0.001) == 6_000
    assert fit_unseen(6_000, False, timed, left_s=5_000, feature_s=0.06) == UNSEEN_ON_CPU == 1_000
    assert fit_unseen(1_234, False, timed, left_s=480, feature_s=0.06) == 800  # a tenth of it
    assert fit_unseen(1_234, False, timed, left_s=240, feature_s=0.06) == 0  # 400 say little
    assert fit_unseen(1_234, False, by_steps, left_s=1, feature_s=0.06) == 1_000
    assert fit_unseen(0, True, timed, left_s=5_000, feature_s=0.001) == 0


def test_the_plan_keeps_time_for_the_features_of_images_set_aside() -> None:
    speeds = Speeds(feature_s=0.05, sample_s=0.02, curate_s=120)
    plans = []
    for count, left_s in ((0, 2_000.0), (1_200, 2_000.0), (1_200, 200.0)):
        config = make_config("pixel", {"minutes": (10.0 + left_s) / 60})
        images = Wanted(real=1_200, missing=1_200, unseen=count)
        plans.append(make_plan(config, (), images, False, 10.0, speeds))
    assert [plan.unseen for plan in plans] == [0, 1_000, 0]
    assert plans[0].train_s - plans[1].train_s == pytest.approx(1_000 * 0.05, abs=2)
    assert [plan.passing for plan in plans] == [1_200, 2_200, 1_200]
