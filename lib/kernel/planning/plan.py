"""A time budget and measured speeds -> each stage's number of images and the training time."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lib.base.errors import InputError
from lib.base.log import format_seconds
from lib.kernel.configuration.config import Config
from lib.kernel.planning.speeds import Speeds

LEAST_TRIES, MOST_TRIES = 3, 7  # of temperatures
LEAST_SHARE = 0.1  # of a run bounded by time, at least for training
_TRAINING_SHARE = 0.5  # of the time beside the submitted images; below it evaluation shrinks
LEAST_REAL = 2000  # two draws of 1,000; with fewer the floor means little
_LEAST_TRIAL = 50
UNSEEN_ON_CPU = 1_000  # unseen images that pass Inception on a CPU: a minute of two cores
_UNSEEN_SHARE = 0.1  # of a run bounded by time, at most for their features
_LEAST_UNSEEN = 500  # FID against fewer images means little
_TRIAL_SHARE = 0.2  # of the training time, at most for FIDs in recipe auto's trials


@dataclass(frozen=True)
class Plan:
    """What fits into the budget; `reasons` tells, for the log, what had to shrink and why."""

    real: int  # real images used for FID
    sweep: int  # temperatures that may be tried, at most; 0: no sweep
    pool: int  # images drawn; without curation as many as are submitted
    train_s: float  # optimiser time only
    reserve_s: float  # kept for everything after training
    feature_s: float  # per image, as measured
    trial: int = 0  # images for each FID in recipe auto's trials
    reasons: tuple[str, ...] = ()
    image_s: float = 0.0  # to draw an image and measure it
    unseen: int = 0  # unseen images that pass Inception
    passing: int = 0  # real images, unseen ones included, whose features are not cached yet
    closing_s: float = 30.0  # part of reserve_s: what follows the submission's features


@dataclass(frozen=True)
class Wanted:
    """Real images that should pass Inception if there is time."""

    real: int  # that may be used for FID
    missing: int  # those of them whose features are not cached yet
    unseen: int  # that are set aside


def counts_rounds(config: Config) -> bool:
    """Tell whether steps bound the run: then no size and no choice depends on a clock."""
    return config.steps > 0


def bounds_training(config: Config) -> bool:
    """Tell whether the user set steps or minutes of training, which training then keeps."""
    return bool(config.steps or config.train_minutes)


def demand_time(config: Config, speeds: Speeds, real: int, spent_s: float) -> float:
    """(config, speeds, fewest real images to measure, s gone) -> s left to divide.

    Some work cannot shrink: the submitted images, the fewest real ones, closing. Where it leaves
    training less than LEAST_SHARE of a run bounded by time, InputError is raised.
    """
    fixed_s = spent_s + speeds.cost_s(config.samples) + real * speeds.feature_s + speeds.closing_s
    left_s = config.minutes * 60 - fixed_s
    if bounds_training(config) or left_s >= LEAST_SHARE * config.minutes * 60:
        return left_s
    enough = math.ceil(1.1 * fixed_s / (1.0 - LEAST_SHARE) / 60)
    half = math.ceil(fixed_s / (1.0 - _TRAINING_SHARE) / 60)
    images = f"{config.samples:,} images" + (f" and {real:,} real ones" if real else "")
    raise InputError(
        "plan",
        f"--minutes {config.minutes:g} leaves {format_seconds(max(left_s, 0.0))} for training",
        expected=f"at least {LEAST_SHARE:.0%} of the run",
        got=f"{format_seconds(fixed_s)} for {images} at {speeds.image_s * 1000:.0f} ms to draw and "
        "measure one on this machine",
        cure=f"--minutes {enough} would do, {max(half, enough)} would give training half of it; "
        "or bound the run by --set steps=N",
    )


def plan_run(
    config: Config,
    remaining_s: float,
    real: int,
    missing: int,
    speeds: Speeds,
    candidates: Sequence[str] = (),
) -> Plan:
    """(config, seconds left, real images wanted, those without features, speeds) -> Plan.

    Sizes come from the configuration. Where they would leave training less than half of the time,
    they shrink: first the sweep, then the pool, then the real images. The plan says why. Where
    recipes compete, `candidates` are their names. Steps and minutes that the user set for training
    are kept, even if they take all the time. In a run bounded by steps nothing shrinks.
    Long because the order in which sizes shrink is one idea.
    """
    wanted_train_s = config.train_minutes * 60 or math.inf
    pool = max(config.pool, config.samples) if config.curate else config.samples
    reasons: list[str] = []
    if config.curate and 0 < config.pool < config.samples:
        reasons.append(f"a pool of {config.pool:,} gives no choice of {config.samples:,}")
    tries = MOST_TRIES if config.sweep else 0
    trials = count_trials(len(candidates))

    def reserve(pool_size: int) -> float:
        curation = speeds.curate_s if pool_size > config.samples else 0.0
        sweep_s = tries * speeds.cost_s(config.samples)
        return speeds.closing_s + speeds.cost_s(pool_size) + sweep_s + curation

    def left(real_size: int, pool_size: int) -> float:
        features_s = min(real_size, missing) * speeds.feature_s
        return remaining_s - reserve(pool_size) - features_s - trials * speeds.cost_s(trial)

    own_s = speeds.closing_s + speeds.cost_s(config.samples)
    least_train_s = _TRAINING_SHARE * (remaining_s - own_s)
    least_train_s = -math.inf if counts_rounds(config) else min(wanted_train_s, least_train_s)
    trial = _fit_trial(config, speeds, trials, least_train_s)
    if trial < config.trial and trials:
        kept = f"trials of {trial} images for each FID" if trial else f"no trials, {candidates[0]}"
        reasons.append(f"{kept}: more would take too long")
    while tries and left(real, pool) < least_train_s:
        tries = tries - 1 if tries > LEAST_TRIES else 0
    if tries < MOST_TRIES and config.sweep:
        kept = (
            f"a sweep of {tries} temperatures at most" if tries else "no sweep of the temperature"
        )
        each_s = speeds.cost_s(config.samples)
        reasons.append(f"{kept}: {MOST_TRIES} would take {MOST_TRIES * each_s:.0f} s")
    if pool > config.samples and left(real, pool) < least_train_s:
        reasons.append(
            f"no pool of {pool:,} and no curation: their {reserve(pool):.0f} s would leave "
            f"{max(left(real, pool), 0):.0f} s for training"
        )
        pool = config.samples
    if missing and left(real, pool) < least_train_s:
        spare_s = left(0, pool) - least_train_s
        fitting = int(spare_s / speeds.feature_s)
        fewer = min(real, max(LEAST_REAL, fitting))
        if fewer < real:
            reasons.append(f"{fewer:,} of {real:,} real images serve: the others do not fit")
        real = fewer
    train_s = max(min(wanted_train_s, left(real, pool)), 0.0)
    if bounds_training(config):
        train_s = min(wanted_train_s, remaining_s)
    seconds = (train_s, reserve(pool), speeds.feature_s)
    return Plan(
        *(real, tries, pool, *seconds, trial, tuple(reasons), speeds.image_s),
        passing=min(real, missing),
        closing_s=speeds.closing_s,
    )


def describe_plan(config: Config, plan: Plan) -> str:
    """(config, its plan) -> one line on what will be done and about how long it takes."""
    bounded = f"{config.steps:,} steps of training" if config.steps else ""
    training = bounded or f"{format_seconds(plan.train_s)} of training"
    fixed_s = plan.passing * plan.feature_s + plan.reserve_s
    sizes = f"a pool of {plan.pool:,}" if plan.pool > config.samples else f"{plan.pool:,} images"
    return (
        f"{plan.real:,} real images, {training}, {sizes}; all but training takes about "
        f"{format_seconds(fixed_s)}"
    )


def fit_pool(config: Config, wanted: int, left_s: float, speeds: Speeds) -> int:
    """(config, images wanted, seconds until closing, speeds) -> images of the pool that fit.

    Their curation must fit too. Never fewer than the submitted images are drawn, and with fewer
    than twice as many, curation would have too little to choose from.
    """
    if wanted <= config.samples or speeds.cost_s(wanted) + speeds.curate_s <= left_s:
        return wanted
    fitting = int((left_s - speeds.curate_s) / speeds.image_s)
    fitting -= fitting % speeds.at_once
    return fitting if fitting >= 2 * config.samples else config.samples


def count_trials(candidates: int) -> int:
    """The number of candidates in successive halving -> the number of FIDs that it measures."""
    taken = 0
    while candidates > 1:
        taken, candidates = taken + candidates, candidates - candidates // 2
    return taken


def fit_unseen(there: int, on_gpu: bool, config: Config, left_s: float, feature_s: float) -> int:
    """(unseen images, device, config, seconds left, s an image) -> how many pass Inception.

    In a run bounded by steps the time left does not matter.
    """
    wanted = there if on_gpu else min(there, UNSEEN_ON_CPU)
    if counts_rounds(config):
        return wanted
    fitting = min(wanted, int(_UNSEEN_SHARE * max(left_s, 0.0) / feature_s))
    return fitting if fitting >= min(_LEAST_UNSEEN, wanted) else 0


def make_plan(
    config: Config,
    candidates: Sequence[str],
    images: Wanted,
    on_gpu: bool,
    spent_s: float,
    speeds: Speeds,
) -> Plan:
    """(config, candidates' names, images to measure, device, seconds gone, speeds) -> Plan.

    Raise InputError where training would get too little time.
    """
    spare_s = demand_time(config, speeds, min(images.real, images.missing, LEAST_REAL), spent_s)
    aside = fit_unseen(images.unseen, on_gpu, config, spare_s, speeds.feature_s)
    left_s = config.minutes * 60 - spent_s - aside * speeds.feature_s
    plan = plan_run(config, left_s, images.real, images.missing, speeds, candidates)
    return dataclasses.replace(plan, unseen=aside, passing=plan.passing + aside)


def _fit_trial(config: Config, speeds: Speeds, trials: int, train_s: float) -> int:
    """(config, speeds, trials, seconds) -> images for each trial's FID, 0 where none fit.

    In a run bounded by steps the time does not matter.
    """
    if not trials or counts_rounds(config):
        return config.trial
    allowed_s = _TRIAL_SHARE * train_s / trials
    trial = config.trial
    while trial and speeds.cost_s(trial) > allowed_s:
        trial = trial // 2 if trial // 2 >= _LEAST_TRIAL else 0
    return trial
