"""Candidate recipes and a budget -> the trained result of the candidate with the least FID.

Successive halving (arXiv:1502.07943, algorithm 1): all candidates train for a small share of the
budget, the better half of them for as much again, and the last one for all the rest. Each follows
the winner's schedule from its first step. So the winner goes on from its checkpoint as if there
had been no trial.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lib.base.errors import PipelineError
from lib.base.files import read_object, write_json
from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipe import Recipe, Watch
from lib.kernel.recipes.auto.candidates import settle_candidate
from lib.kernel.recipes.auto.describe_images import describe_images
from lib.kernel.sampling.draw import count_drawn, sample_images
from lib.kernel.training.result import TrainResult
from lib.kernel.training.time_limit import NoStepError, TimeLimit
from lib.kernel.training.train import train

SHARE = 0.05  # of the budget, for each candidate in each rung
SHARE_WHERE_CLEAR = 0.03  # where the images themselves already favour likelihood

_MARGIN = 1.2  # times the longest FID of a trial so far, for the next one

TrainOne = Callable[[Recipe, Config, Path, TimeLimit], TrainResult]


class TrialsOverError(Exception):
    """There is no time to measure another candidate."""


class Trials:
    """The candidates' FIDs so far, in a file from which an interrupted run goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        saved = read_object(file)
        self.is_starved = False  # whether a candidate got no time for a single step
        self.scores = {key: math.inf if fid is None else fid for key, fid in saved.items()}

    def score(self, recipe: str, rung: int, find: Callable[[], float]) -> float:
        """Return a candidate's FID in a rung, measured once; infinite if its training failed."""
        key = f"{recipe}, rung {rung}"
        if key not in self.scores:
            try:
                self.scores[key] = find()
            except NoStepError as error:  # the clock ended it: a resumed run may have the time
                log("auto", f"{recipe} is out: {error.what}")
                self.is_starved = True
                return math.inf
            except PipelineError as error:
                log("auto", f"{recipe} is out: {error.what}")
                self.scores[key] = math.inf
            finite = {k: fid if math.isfinite(fid) else None for k, fid in self.scores.items()}
            write_json(self._file, finite)
        return self.scores[key]


def train_candidates(
    images: np.ndarray,
    recipe: Recipe,
    config: Config,
    device: Device,
    work: Path,
    output: Path,
    limit: TimeLimit,
    validation: ValidationFid | None = None,
    watch: Watch | None = None,
) -> TrainResult:
    """Train the candidates, with the arguments of train.py's train; return the best one's result.

    The best has the least FID. `validation` measures the candidates' samples.
    """
    if validation is None:
        raise PipelineError("auto", "nothing measures its candidates", cure="give a validation")

    def train_one(candidate: Recipe, own: Config, folder: Path, part: TimeLimit) -> TrainResult:
        return train(images, candidate, own, device, folder, output, part, validation, watch)

    find_fid, on_gpu = TrialFid(config, device, limit, validation), device.suits_gpu
    return halve_successively(images, recipe, config, work, limit, train_one, find_fid, on_gpu)


class TrialFid:
    """Measures the FID of a candidate's samples, as long as there is time."""

    def __init__(
        self, config: Config, device: Device, limit: TimeLimit, validation: ValidationFid
    ) -> None:
        self._count = config.trial  # images
        self._device = device
        self._validation = validation
        self._deadline = math.inf if config.steps else limit.deadline
        self._longest_s = validation.image_s * count_drawn(
            config.trial, config, device
        )  # until measured

    def __call__(self, result: TrainResult) -> float:
        """Measure the FID of a candidate's result; raise TrialsOverError where there is no time."""
        started = time.monotonic()
        if started + _MARGIN * self._longest_s > self._deadline:
            raise TrialsOverError(f"no time for a trial of {self._longest_s:.0f} s")
        fid = self._validation.measure(
            sample_images(result.model, self._count, self._device, "auto")
        )
        self._longest_s = max(self._longest_s, time.monotonic() - started)
        return fid


def halve_successively(
    images: np.ndarray,
    recipe: Recipe,
    config: Config,
    work: Path,
    limit: TimeLimit,
    train_one: TrainOne,
    find_fid: Callable[[TrainResult], float],
    is_cuda: bool,
) -> TrainResult:
    """Train a recipe's candidates on (N, C, S, S) uint8; return the result of the best one.

    `train_one` trains a candidate in its own folder, and `find_fid` measures its samples. The same
    call again goes on from what an earlier process left in `work`. A candidate whose last steps
    have FID as the loss leaves that share of its time for them. Where `trial` is 0, the first
    candidate wins; where `find_fid` raises TrialsOverError, the best so far.
    Long because the trials and the training after them share one schedule.
    """
    look = describe_images(images)
    share = SHARE_WHERE_CLEAR if look.is_binary_like else SHARE
    names = [candidate.name for candidate in recipe.candidates]
    whole = 1.0 - share * count_lost_shares(len(names) if config.trial else 1)
    log("auto", look.describe())
    if config.trial:
        log("auto", f"{', '.join(names)}: {share:.0%} of the budget each to begin with")
    else:
        log("auto", f"on with {names[0]}: there is no time for trials")
    trials, alive, rung = Trials(work / "trials.json"), names, 0

    def train_until(name: str, pause_at: float) -> TrainResult:
        candidate = recipe.find(name)
        own = settle_candidate(config, recipe, candidate, is_cuda)
        seconds = limit.train_seconds * whole * (1.0 - own.fid_loss)
        part = dataclasses.replace(limit, train_seconds=seconds, pause_at=pause_at)
        if config.steps:
            own = dataclasses.replace(own, steps=max(1, round(config.steps * whole)))
        return train_one(candidate, own, work / name, part)

    def measure(name: str, pause_at: float) -> float:
        return find_fid(train_until(name, pause_at))

    while len(alive) > 1 and config.trial:
        rung += 1
        take = partial(measure, pause_at=rung * share / whole)
        found: dict[str, float] = {}
        try:
            for name in alive:
                found[name] = trials.score(name, rung, partial(take, name))
        except TrialsOverError as over:
            measured = [name for name in found if math.isfinite(found[name])]
            untried = [name for name in alive if name not in found]
            alive = sorted(measured, key=lambda name: found[name])[:1] or untried[:1]
            log("auto", f"{over}: on with {alive[0]}")
            break
        if trials.is_starved and all(map(math.isinf, found.values())):
            raise NoStepError("auto", "no candidate made a step")
        alive = keep_better_half(found)
    else:
        alive = alive[:1]
    result = train_until(alive[0], 1.0)
    tried = len(trials.scores)
    why = f"recipe {alive[0]}, the least FID of {tried} trials; " if tried else ""
    return dataclasses.replace(result, chosen=why + result.chosen, trials=trials.scores)


def count_lost_shares(candidates: int) -> int:
    """The number of candidates -> how many shares of the budget go to candidates that lose."""
    lost, rung = 0, 0
    while candidates > 1:
        rung, losers = rung + 1, candidates // 2
        lost, candidates = lost + rung * losers, candidates - losers
    return lost


def keep_better_half(found: dict[str, float]) -> list[str]:
    """Return the better half of candidates by FID, rounded up, the best first; print it."""
    ranked = sorted(found, key=lambda recipe: found[recipe])
    kept = ranked[: -(-len(ranked) // 2)]
    if math.isinf(found[ranked[0]]):
        raise PipelineError("auto", "every candidate failed", cure="see the lines above")
    fids = ", ".join(f"{recipe} {found[recipe]:.4g}" for recipe in ranked)
    log("auto", f"FID of the trials: {fids}; on with {' and '.join(kept)}")
    return kept
