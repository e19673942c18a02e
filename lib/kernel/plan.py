"""A time budget and measured speeds -> how many images each stage handles and how long to train."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from lib.kernel.config import Config
from lib.kernel.recipes import AUTO
from lib.kernel.temperature import LEAST_TRIES, MOST_TRIES

_OVERHEAD_S = 30.0  # writing the CSV and the zip, verifying, statistics, report
_TRAINING_SHARE = 0.5  # of what the submitted images leave; evaluation yields first
_LEAST_REAL = 2000  # two draws of 1,000: below that the floor says little
_GPU_POOL, _CPU_POOL = 20_000, 5_000
_CPU_REAL = 10_000  # ten minutes of Inception on two cores
_CPU_EPOCH_FID = 200
_GPU_FID_LOSS = 0.05
_GPU_TRIAL, _CPU_TRIAL = 2000, 250
_LEAST_TRIAL = 50
_TRIAL_SHARE = 0.2  # of the training time may pass with the FIDs of recipe auto's trials


def fill_defaults(config: Config, is_cuda: bool) -> tuple[Config, list[str]]:
    """(config, whether there is a GPU) -> (config with its zeros filled in, the reasons)."""
    chosen: dict[str, Any] = {}
    reasons = []
    if config.curate and not config.pool:
        chosen["pool"] = max(_GPU_POOL if is_cuda else _CPU_POOL, config.samples)
        reasons.append(f"a pool of {chosen['pool']:,} ({'GPU' if is_cuda else 'CPU'} default)")
    if not config.real_limit and not is_cuda:
        chosen["real_limit"] = _CPU_REAL
        reasons.append(f"at most {_CPU_REAL:,} real images serve for FID (CPU default)")
    if config.epoch_fid > _CPU_EPOCH_FID and not is_cuda:
        chosen["epoch_fid"] = _CPU_EPOCH_FID
        reasons.append(f"FID of each epoch by {_CPU_EPOCH_FID} images (CPU default)")
    if config.recipe == AUTO and not config.trial:
        chosen["trial"] = _GPU_TRIAL if is_cuda else _CPU_TRIAL
        kind = "GPU" if is_cuda else "CPU"
        reasons.append(f"trials of {chosen['trial']:,} images for each FID ({kind} default)")
    if config.fid_loss < 0:
        chosen["fid_loss"] = _GPU_FID_LOSS if is_cuda else 0.0
        reasons.append(f"FID as a loss for {chosen['fid_loss']:.0%} of training (by the device)")
    return dataclasses.replace(config, **chosen), reasons


@dataclass(frozen=True)
class Speeds:
    """Seconds an image, measured or estimated on this machine."""

    feature_s: float
    sample_s: float
    curate_s: float  # for the whole of curation
    sweep_images: int = 0  # that a sweep of the temperature draws for each that it tries
    trials: int = 0  # FIDs that recipe auto takes

    @property
    def image_s(self) -> float:
        """To draw an image and measure it."""
        return self.feature_s + self.sample_s


@dataclass(frozen=True)
class Plan:
    """What fits into the budget; `reasons` are the guards that fired, to be printed."""

    real: int  # real images that serve for FID
    sweep: int  # temperatures that may be tried; 0: no sweep
    pool: int  # images generated; equal to the images submitted where there is no curation
    train_s: float  # optimiser time alone
    reserve_s: float  # kept for everything after training
    feature_s: float  # seconds an image, as measured
    trial: int = 0  # images for each FID of recipe auto's trials
    reasons: tuple[str, ...] = ()
    image_s: float = 0.0  # seconds to draw an image and measure it
    unseen: int = 0  # real images set aside that pass Inception


def plan_run(config: Config, remaining_s: float, real: int, missing: int, speeds: Speeds) -> Plan:
    """(config, seconds left, real images wanted, those whose features are missing) -> Plan.

    Sizes come from the configuration; only where they would leave training less than half of
    the time do they yield, the sweep first, then the pool, then real images; the reasons are told.
    Long because the order in which they yield is one thought.
    """
    wanted_train_s = config.train_minutes * 60 or float("inf")
    pool = max(config.pool, config.samples) if config.curate else config.samples
    reasons: list[str] = []
    tries = MOST_TRIES if config.sweep and speeds.sweep_images else 0

    def reserve(pool_size: int) -> float:
        curation = speeds.curate_s if pool_size > config.samples else 0.0
        images = pool_size + tries * speeds.sweep_images
        return _OVERHEAD_S + images * speeds.image_s + curation

    def left(real_size: int, pool_size: int) -> float:
        features_s = min(real_size, missing) * speeds.feature_s
        return (
            remaining_s - reserve(pool_size) - features_s - speeds.trials * trial * speeds.image_s
        )

    least_train_s = _TRAINING_SHARE * (remaining_s - _OVERHEAD_S - config.samples * speeds.image_s)
    least_train_s = min(wanted_train_s, least_train_s)
    trial = _fit_trial(config, speeds, least_train_s)
    if trial < config.trial:
        reasons.append(f"trials of {trial} images for each FID: more would take too long")
    while tries and left(real, pool) < least_train_s:
        tries = tries - 1 if tries > LEAST_TRIES else 0
    if tries < MOST_TRIES and config.sweep and speeds.sweep_images:
        kept = (
            f"a sweep of {tries} temperatures at most" if tries else "no sweep of the temperature"
        )
        each_s = speeds.sweep_images * speeds.image_s
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
        fewer = min(real, max(_LEAST_REAL, fitting))
        if fewer < real:
            reasons.append(f"{fewer:,} of {real:,} real images serve: the others do not fit")
        real = fewer
    train_s = max(min(wanted_train_s, left(real, pool)), 0.0)
    if train_s < wanted_train_s < float("inf"):
        reasons.append(f"{train_s:.0f} s for training instead of {wanted_train_s:.0f} s")
    seconds = (train_s, reserve(pool), speeds.feature_s)
    return Plan(real, tries, pool, *seconds, trial, tuple(reasons), speeds.image_s)


def _fit_trial(config: Config, speeds: Speeds, train_s: float) -> int:
    """-> images for each FID of recipe auto's trials; a run bounded by steps asks no clock."""
    if not speeds.trials or config.steps:
        return config.trial
    all_s = speeds.trials * speeds.image_s
    return min(config.trial, max(_LEAST_TRIAL, int(_TRIAL_SHARE * train_s / all_s)))
