"""The steps of a run; pipeline.py calls them in order.

A step returns what it found and writes only its own files.
"""

import dataclasses
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import PipelineError
from lib.base.files import write_bytes, write_json
from lib.base.log import log
from lib.kernel.competition.contract import Glance, Images, Remarks
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.configuration.folders import PLAN_FILE, POOL_FILE, SWEEP_FILE, TRAIN_FOLDER, Folders
from lib.kernel.device.device import Device
from lib.kernel.metrics.choice import Choice, Drawn, take_first
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.inception import RANDOM_WARNING
from lib.kernel.metrics.reference import (
    Reference,
    choose_real,
    count_unmeasured,
    measure_reference,
)
from lib.kernel.metrics.validation_fid import ValidationFid, make_validation_fid
from lib.kernel.planning.plan import (
    LEAST_REAL,
    Plan,
    Wanted,
    bounds_training,
    counts_rounds,
    demand_time,
    describe_plan,
    fit_pool,
    make_plan,
)
from lib.kernel.planning.speeds import Speeds, measure_speeds
from lib.kernel.recipe import Recipe
from lib.kernel.report.figures import GRID, encode_figure
from lib.kernel.report.report import Found
from lib.kernel.report.stage_log import StageLog
from lib.kernel.sampling.model_file import Model
from lib.kernel.sampling.pool import draw_pool, extract_pool
from lib.kernel.stages import Stages
from lib.kernel.training.result import TrainResult
from lib.kernel.training.resume import export_state
from lib.kernel.training.stall import find_stall
from lib.kernel.training.time_limit import NoStepError, TimeLimit

_LOOKED_AT = 10_000  # real images that pixel statistics are taken from
_CURATE_GUARD_S = 240.0  # for testing curation and for choosing together


@dataclass(frozen=True)
class Tools:
    """What every stage uses."""

    recipe: Recipe
    config: Config  # resolved: only values that training settles are still open
    device: Device
    extractor: Extractor
    inception_file: Path | None  # None: random weights
    folders: Folders
    stage_log: StageLog

    def left_s(self, plan: Plan) -> float:
        """Return the seconds until the run must close; a run bounded by steps need not."""
        if counts_rounds(self.config):
            return math.inf
        deadline = self.stage_log.deadline(self.config.minutes)
        return deadline - time.monotonic() - plan.closing_s


def note_of_real(tools: Tools, data_sha256: str) -> Path:
    """Return the path of the note that real features of these data are in the cache."""
    side = tools.config.image_px  # the same data may become pictures of several sides
    words = ["measured", data_sha256[:12], tools.extractor.weights_hash[:12]]
    words += [] if side == IMAGE_PX else [f"{side}px"]
    return tools.folders.cache / f"{'-'.join(words)}.json"


def measure_machine(tools: Tools, images: np.ndarray, model: Model | None = None) -> Speeds:
    """Measure and print the machine's Speeds, by (N, C, S, S) uint8 images like the real ones."""
    recipe, config = (model.recipe, model.config) if model else (tools.recipe, tools.config)
    channels = images.shape[1] if len(images) and recipe.channels is None else 3
    return measure_speeds(recipe, config, tools.device, tools.extractor, channels)


def refuse_too_few_minutes(tools: Tools, glance: Glance, speeds: Speeds, data_sha256: str) -> None:
    """Raise InputError before decoding where the minutes would leave too little training."""
    is_measured = note_of_real(tools, data_sha256).exists()
    least = min(glance.records, tools.config.real_limit or LEAST_REAL, LEAST_REAL)
    demand_time(tools.config, speeds, 0 if is_measured else least, tools.stage_log.elapsed_s)


def divide_time(tools: Tools, images: Images, speeds: Speeds | None) -> Plan:
    """Divide the run's time by the measured speeds; a resumed run keeps this plan."""
    assert speeds is not None, "they are measured where there is no plan"
    config, folders, extractor = tools.config, tools.folders, tools.extractor
    rows = choose_real(len(images.real), config.real_limit, config.seed)
    missing = count_unmeasured(images.real[rows], extractor, folders.cache)
    wanted = Wanted(len(rows), missing, len(images.unseen))
    candidates = [candidate.name for candidate in tools.recipe.candidates]
    on_gpu, spent_s = tools.device.is_cuda, tools.stage_log.elapsed_s
    plan = make_plan(config, candidates, wanted, on_gpu, spent_s, speeds)
    write_json(folders.scratch / PLAN_FILE, dataclasses.asdict(plan))
    for reason in plan.reasons:
        tools.stage_log.warn("plan", reason)
    log("plan", describe_plan(config, plan))
    return plan


def measure_real_images(
    tools: Tools, stages: Stages, images: Images, plan: Plan
) -> tuple[Reference, Reference | None]:
    """Measure features, statistics and floor of the real images, and of the unseen ones."""
    config, cache = tools.config, tools.folders.cache
    rows = choose_real(len(images.real), plan.real, config.seed)
    reference = measure_reference(images.real[rows], tools.extractor, cache, config)
    if stages.measure_unseen is None:
        return reference, None
    unseen = stages.measure_unseen(images, plan.unseen, tools.extractor, cache, config, reference)
    return reference, unseen


def prepare_training(
    tools: Tools, plan: Plan, reference: Reference, taken_over_s: float, given: Config
) -> tuple[TimeLimit, ValidationFid]:
    """Make the limit that ends training, and the FID that measures samples in it.

    Seconds taken over from an earlier version's output count as training time.
    """
    recipe, config = tools.recipe, tools.config
    deadline = tools.stage_log.deadline(config.minutes)
    deadline -= 0.0 if bounds_training(given) else plan.reserve_s
    # The last share may be for FID as the loss; in a contest candidates reserve it themselves.
    share = 0.0 if recipe.contest else config.fid_loss
    is_timed = not counts_rounds(config) or config.train_minutes
    train_s = plan.train_s * (1.0 - share) + taken_over_s if is_timed else math.inf
    limit = TimeLimit(train_s, deadline)
    exact = (tools.inception_file, tools.device, tools.extractor)
    guesses_s = (plan.image_s, max(plan.image_s - plan.feature_s, 0.0))
    return limit, make_validation_fid(recipe, config, *exact, reference, *guesses_s)


@contextmanager
def explaining_no_step(tools: Tools, plan: Plan) -> Iterator[None]:
    """Raise an error with a cure where the clock ends training in the block before a first step."""
    try:
        yield
    except NoStepError as error:
        forget_training(tools.folders)
        raise explain_no_step(tools, plan) from error


def leave_training(tools: Tools, trained: TrainResult, is_timed: bool) -> None:
    """Write the training state for a later version; say if fewer minutes would have been enough.

    Training does not stop early, but the next run may be shorter.
    """
    work, output = tools.folders.scratch / TRAIN_FOLDER, tools.folders.output
    export_state(work, trained.model.path.parent, output)
    if stall := find_stall(trained.history, tools.config.minutes if is_timed else None):
        tools.stage_log.warn("train", stall)
        tools.stage_log.add(Found({"stall": stall}))


def finetune(
    tools: Tools,
    stages: Stages,
    trained: TrainResult,
    limit: TimeLimit,
    plan: Plan,
    reference: Reference,
) -> tuple[Model, Found, list[str]]:
    """Train the last share of the time with FID as the loss, where that is asked for.

    Return the model, what training and these steps found, and sentences beside the score.
    """
    model, finetuning, notes = trained.model, None, []
    if stages.finetune:
        share_s = model.config.fid_loss * plan.train_s
        left_s = min(share_s, limit.deadline - time.monotonic())
        left_s = math.inf if counts_rounds(model.config) else left_s
        model, finetuning = stages.finetune(model, tools.device, tools.extractor, reference, left_s)
    metrics: dict[str, Any] = {
        "images_per_s": trained.images_per_s,
        "weights": trained.chosen,
        "steps": trained.steps,
        "judged": trained.judged,
        "training": {
            "seconds": trained.history[-1]["seconds"] if trained.history else 0.0,
            "ended": trained.ended,
            "rollbacks": trained.rollbacks,
            "gave_up": trained.gave_up,
        },
    }
    if finetuning:
        metrics["steps"] += finetuning.kept_steps
        metrics["fid_loss"] = dataclasses.asdict(finetuning)
        notes = [finetuning.note] if finetuning.is_kept else []
    if tools.recipe.contest:
        metrics |= {"trained": model.recipe.name, "trials": trained.trials}
    return model, Found(metrics, history=trained.history), notes


def forget_training(folders: Folders) -> None:
    """Delete a training without a step, so that the same command can start it again."""
    (folders.scratch / PLAN_FILE).unlink(missing_ok=True)
    for checkpoint in (folders.scratch / TRAIN_FOLDER).rglob("checkpoint_*.pt"):
        checkpoint.unlink()


def explain_no_step(tools: Tools, plan: Plan) -> PipelineError:
    """(tools, plan) of a training that ended before its first step -> the error to raise."""
    stage_log = tools.stage_log
    enough = math.ceil(2.0 * (stage_log.elapsed_s + plan.reserve_s) / 60)
    return PipelineError(
        "train",
        "no step was made, and nothing is drawn from untrained weights",
        expected=f"time to train within --minutes {tools.config.minutes:g}",
        got=f"{stage_log.describe_seconds()}; {plan.reserve_s:.0f} s are kept for all that follows",
        cure=f"the same command with --minutes {enough}",
    )


def find_temperature(
    tools: Tools, stages: Stages, model: Model, reference: Reference, plan: Plan, speeds: Speeds
) -> tuple[Model, Found]:
    """Find the temperature with the least FID, as far as there is time."""
    samples = tools.config.samples
    kept_s = speeds.cost_s(plan.pool) + (speeds.curate_s if plan.pool > samples else 0.0)
    left_s = tools.left_s(plan) - kept_s
    saved = tools.folders.scratch / SWEEP_FILE
    if left_s < speeds.cost_s(samples) and not saved.exists():
        tools.stage_log.warn("sweep", f"none: the clock leaves {max(left_s, 0):.0f} s for it")
        return model, Found()
    assert stages.tune_temperature
    deadline = time.monotonic() + left_s
    search = partial(stages.tune_temperature, saved, model, tools.device, tools.extractor)
    sweep = search(reference, plan.sweep, deadline)
    return model.at_temperature(sweep.temperature), Found({"sweep": dataclasses.asdict(sweep)})


def draw_fitting_pool(tools: Tools, model: Model, plan: Plan, speeds: Speeds | None) -> np.ndarray:
    """Draw as many images of the pool as there is time for; return (P, 3, S, S) uint8."""
    saved, count = tools.folders.scratch / POOL_FILE, plan.pool
    if count > tools.config.samples and not saved.exists() and speeds:
        count = fit_pool(tools.config, count, tools.left_s(plan), speeds)
        tell_pool(tools, count, plan.pool)
    return draw_pool(saved, model, count, tools.device)


def measure_pool(tools: Tools, pool: np.ndarray, plan: Plan) -> np.ndarray:
    """(P, 3, S, S) uint8 -> (P, 2048) features, or fewer rows where time runs out."""
    samples = tools.config.samples
    # Curation takes at least about as long as closing.
    deadline = time.monotonic() + tools.left_s(plan) - plan.closing_s
    features = extract_pool(pool, tools.extractor, tools.folders.scratch, samples, deadline)
    enough = 2 * samples if len(features) < len(pool) else samples
    if len(features) < enough or tools.left_s(plan) < plan.closing_s:
        features = features[:samples]
    tell_pool(tools, len(features), len(pool))
    return features


def tell_pool(tools: Tools, count: int, wanted: int) -> None:
    """Print a warning where the pool is smaller than planned."""
    if count < wanted:
        is_pool = count > tools.config.samples
        kept = f"a pool of {count:,}" if is_pool else "no pool and no curation"
        why = f"the clock leaves no time for {wanted:,} images"
        tools.stage_log.warn("sample", f"{kept}: {why}")


def choose_submitted(
    tools: Tools, stages: Stages, features: np.ndarray, reference: Reference, plan: Plan
) -> Choice:
    """Choose the submitted images: from a pool by FID, else the first that were drawn."""
    if stages.curate and len(features) > tools.config.samples:
        guard_s = max(min(tools.left_s(plan), _CURATE_GUARD_S), 1.0)
        guard_s = math.inf if counts_rounds(tools.config) else guard_s
        choice = stages.curate(features, reference, tools.config, guard_s)
    else:
        choice = take_first(features[: tools.config.samples], reference, tools.config)
    keys = ("fid", "fid_random", "floor", "excess")
    values = [(key, choice.metrics[key]) for key in keys]
    log("fid", ", ".join(f"{key} {value:.4g}" for key, value in values if value is not None))
    return choice


def describe_submission(tools: Tools, trained: TrainResult) -> Remarks:
    """Describe how the submission was made, for the files beside it."""
    config = tools.config
    return Remarks(
        recipe=trained.model.recipe.name,
        seed=config.seed,
        extractor=tools.extractor.describe(),
        warning=RANDOM_WARNING if config.weights_file == RANDOM_WEIGHTS else "",
        epoch=trained.epoch if config.epoch_fid else None,
        image_name=config.image_name,
    )


def measure_more(
    tools: Tools,
    stages: Stages,
    images: Images,
    drawn: Drawn,
    reference: Reference,
) -> Found:
    """Measure what FID does not show of the generated images."""
    assert stages.measure_extra
    real, seed = images.real[:_LOOKED_AT], tools.config.seed
    extra = stages.measure_extra(drawn, real, images.training, images.unseen_own, reference, seed)
    log("extra metrics", extra.copying)
    caption = "Generated (left) and the nearest training images"
    grid = write_figure(tools, "nearest.png", caption, extra.neighbours)
    return Found({"details": extra.details}, [extra.copying], grid, spectra=extra.spectra)


def spread_out(images: np.ndarray) -> np.ndarray:
    """(N, C, S, S) -> as many as a grid shows, from all over: files often lie in some order."""
    return images[:: max(len(images) // GRID, 1)][:GRID]


def write_figure(tools: Tools, name: str, caption: str, images: np.ndarray) -> dict[str, bytes]:
    """Write a grid of the first images; return caption -> PNG for the report."""
    png = encode_figure(images)
    write_bytes(tools.folders.output / name, png)
    return {caption: png}
