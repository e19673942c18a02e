"""The time budget: configured sizes hold while they fit, and yield with a reason where not."""

import pytest

from lib.kernel.config import make_config
from lib.kernel.defaults import fill_defaults
from lib.kernel.plan import plan_run
from lib.kernel.speeds import Speeds
from lib.kernel.temperature import MOST_TRIES

FAST = Speeds(feature_s=0.001, sample_s=0.0001, curate_s=60)
SLOW = Speeds(feature_s=0.06, sample_s=0.02, curate_s=120)


def test_kaggles_session_keeps_every_size() -> None:
    config, _ = fill_defaults(make_config("pixel", {}), is_cuda=True)
    plan = plan_run(config, 690 * 60, 58_000, missing=58_000, speeds=FAST)
    assert (plan.real, plan.pool, plan.reasons) == (58_000, 20_000, ())
    assert plan.train_s + plan.reserve_s + 58_000 * FAST.feature_s == pytest.approx(690 * 60)


def test_a_short_run_gives_up_the_pool_before_the_real_images() -> None:
    config, _ = fill_defaults(make_config("pixel", {}), is_cuda=False)
    plan = plan_run(config, 15 * 60, 5_000, missing=5_000, speeds=SLOW)
    assert plan.pool == config.samples
    assert plan.real == 5_000
    assert [reason.split(":")[0] for reason in plan.reasons] == ["no pool of 5,000 and no curation"]


def test_a_shorter_run_gives_up_real_images_too_but_not_the_floor() -> None:
    config, _ = fill_defaults(make_config("pixel", {}), is_cuda=False)
    plan = plan_run(config, 5 * 60, 10_000, missing=10_000, speeds=SLOW)
    assert plan.real == 2_000
    assert plan.train_s > 60
    assert len(plan.reasons) == 2


def test_no_time_at_all_still_leaves_a_plan() -> None:
    config, _ = fill_defaults(make_config("first-seed", {}), is_cuda=False)
    plan = plan_run(config, 10, 10_000, missing=10_000, speeds=SLOW)
    assert plan.train_s == 0
    assert plan.pool == 1000


def test_train_minutes_bounds_training_and_is_reported_when_it_does_not_fit() -> None:
    config, _ = fill_defaults(make_config("first-seed", {"train_minutes": 5.0}), is_cuda=False)
    assert plan_run(config, 3600, 3000, missing=0, speeds=SLOW).train_s == 300
    short = plan_run(config, 240, 3000, missing=0, speeds=SLOW)
    assert short.train_s < 300
    assert "instead of 300 s" in short.reasons[-1]


def test_defaults_depend_on_the_device_and_say_so() -> None:
    config = make_config("second-seed", {})
    on_cpu, reasons = fill_defaults(config, is_cuda=False)
    assert (on_cpu.real_limit, on_cpu.epoch_fid, on_cpu.pool) == (10_000, 200, 0)
    assert len(reasons) == 2
    assert fill_defaults(config, is_cuda=True) == (config, [])


def test_what_the_user_chose_is_kept() -> None:
    chosen = {"pool": 3000, "real_limit": 20_000}
    config, reasons = fill_defaults(make_config("pixel", chosen), is_cuda=False)
    assert (config.pool, config.real_limit, reasons) == (3000, 20_000, [])


def test_the_sweep_is_the_first_to_yield() -> None:
    config, _ = fill_defaults(make_config("pixel", {"pool": 1200}), is_cuda=False)
    speeds = Speeds(feature_s=0.06, sample_s=0.02, curate_s=10, sweep_images=1000)
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
