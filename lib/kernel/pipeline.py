"""The run, from the input folder to a submission that was checked.

Long because all of it is read here in the order in which things happen.
"""

import dataclasses
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lib.base.errors import PipelineError
from lib.base.files import read_json, write_json
from lib.base.image_grid import write_grid
from lib.base.log import log
from lib.kernel.competition.contract import Images, Remarks
from lib.kernel.config import RANDOM_WEIGHTS, Config
from lib.kernel.defaults import fill_defaults
from lib.kernel.device.device import Device, choose_device
from lib.kernel.device.ranks import ALONE, RankLostError, Ranks
from lib.kernel.folders import Folders
from lib.kernel.metrics.choice import Choice, Drawn, take_first
from lib.kernel.metrics.features import Extractor, load_extractor
from lib.kernel.metrics.inception import RANDOM_WARNING
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.metrics.reference import (
    Reference,
    choose_real,
    count_unmeasured,
    measure_reference,
)
from lib.kernel.metrics.unseen_fid import measure_unseen, score_unseen
from lib.kernel.metrics.validation_fid import make_validation_fid
from lib.kernel.plan import (
    LEAST_REAL,
    Plan,
    Wanted,
    bounds_training,
    demand_time,
    describe_plan,
    fit_pool,
    make_plan,
)
from lib.kernel.recipe import Recipe
from lib.kernel.report import provenance
from lib.kernel.report.report import Found
from lib.kernel.report.stage_log import StageLog
from lib.kernel.report.summary import summarise, write_metrics
from lib.kernel.sampling.model_file import Model
from lib.kernel.sampling.pool import draw_pool, extract_pool
from lib.kernel.settled import list_settled, mark_settled
from lib.kernel.speeds import Speeds, count_verified, measure_speeds
from lib.kernel.stages import Kernel, Stages
from lib.kernel.training.result import TrainResult
from lib.kernel.training.resume import export_state, import_state
from lib.kernel.training.stall import find_stall
from lib.kernel.training.time_limit import NoStepError, TimeLimit
from lib.kernel.training.train import train

_GRID, _COLUMNS = 40, 4  # of the grids; four columns at 4x fit twice beside each other
_LOOKED_AT = 10_000  # real images for pixel statistics
_CURATE_GUARD_S = 240.0  # for the proof and the choice together


@dataclass(frozen=True)
class Setting:
    """What a run is asked for, and where."""

    recipe: Recipe
    given: Config  # as it was given; automatic values are still open
    folders: Folders
    stage_log: StageLog
    launched: Ranks | None = None  # torchrun's

    def alone(self) -> "Setting":
        """The same for this process alone."""
        return dataclasses.replace(self, launched=ALONE)


@dataclass(frozen=True)
class Tools:
    """What every stage works with."""

    recipe: Recipe
    config: Config  # resolved: no automatic value is open but those that training settles
    device: Device
    extractor: Extractor
    weights: Path | None  # Inception's file
    folders: Folders
    stage_log: StageLog

    def left_s(self, plan: Plan) -> float:
        """Seconds until the run must close."""
        deadline = self.stage_log.deadline(self.config.minutes)
        return deadline - time.monotonic() - plan.closing_s


def run(kernel: Kernel, setting: Setting) -> None:
    """Tell every stage in order; what an earlier process left on disk is taken up.

    Long because it is the one place where a reader sees the whole run.
    """
    competition, stages, given = kernel.competition, kernel.stages, setting.given
    recipe, folders, stage_log = setting.recipe, setting.folders, setting.stage_log
    data = competition.hash_input(folders.input)
    identity = provenance.identify(given, recipe, data)
    finished = (folders.output, folders.scratch, identity, kernel.bundle_sha256, recipe.preset)
    if provenance.is_finished(*finished):
        log("done", str(folders.output / "report.html"))
        return
    weights = locate_weights(given, folders, stage_log)
    with start_device(stages, setting) as device:
        config = resolve(given, recipe, device)
        extractor = load_extractor(config, weights, device)
        tools = Tools(recipe, config, device, extractor, weights, folders, stage_log)
        write_json(folders.scratch / "identity.json", identity)  # its weights are sound
        if recipe.contest:
            told = recipe.contest.tell(recipe, config, device.is_cuda)
            stage_log.add(Found({"candidates": told}))

        plan, speeds = read_plan(folders), None
        if plan is None:
            with stage_log.stage("speed"):
                glance = competition.glance(folders.input, config, LEAST_REAL)
                speeds = measure_machine(tools, glance.images)
                known = note_of_real(tools, data).exists()
                least = min(glance.records, config.real_limit or LEAST_REAL, LEAST_REAL)
                demand_time(config, speeds, 0 if known else least, stage_log.elapsed_s)
        work = folders.scratch / "train"
        taken_over_s = import_state(folders.input, work, recipe, identity, device.is_cuda)

        with stage_log.stage("decode"):
            places = (folders.input, folders.cache)
            images = competition.read_images(*places, recipe, config, data, work)
            grid = show(tools, "real.png", "Real images, as the recipe sees them", images.training)
            origin = provenance.Origin(kernel.bundle_sha256, data, weights, extractor.describe())
            facts = origin.list_facts(config, device.name)
            stage_log.add(Found(images.metrics, figures=grid, provenance=facts))
        with stage_log.stage("real features"):
            if plan is None:
                assert speeds is not None
                plan = divide_time(tools, images, speeds)
            reference, unseen = measure_real_images(tools, images, plan)
            write_json(note_of_real(tools, data), {"real": plan.real})

        with stage_log.stage("train"):
            trained, limit = train_weights(tools, images, plan, reference, taken_over_s, given)
            model, found, notes = finetune(tools, stages, trained, limit, plan, reference)
            stage_log.add(found)
        if plan.sweep or plan.pool > config.samples:  # they take what time there is by now
            speeds = measure_machine(tools, images.training, model)
            plan = dataclasses.replace(plan, closing_s=speeds.closing_s)
        if plan.sweep and stages.tune_temperature and speeds:
            with stage_log.stage("sweep"):
                model, found = tune(tools, stages, model, reference, plan, speeds)
                stage_log.add(found)
        settled = list_settled(plan, device.ranks.count, trained)
        stage_log.show_config(mark_settled(given, recipe.preset, model.config, settled))

        with stage_log.stage("sample"):
            pool = draw_images(tools, model, plan, speeds)
        with stage_log.stage("features"):
            features = measure_pool(tools, pool, plan)
        with stage_log.stage("fid"):
            choice = choose(tools, stages, features, reference, plan)
            score_notes = [*choice.metrics.get("score_notes", []), *notes]
            scores = score_unseen(features, choice, unseen, images, config)
            metrics = {**choice.metrics, "score_notes": score_notes, **scores}
            stage_log.add(Found(metrics, [scores["unseen_note"]], curation=choice.trace))
        with stage_log.stage("submission"):
            chosen = np.ascontiguousarray(pool[choice.rows])
            grid = show(tools, "generated.png", "Generated images, as submitted", chosen)
            stage_log.add(Found(figures=grid))
            remarks = describe_submission(tools, trained)
            competition.write_submission(folders.output, chosen, features[choice.rows], remarks)
        if stages.measure_extra:
            with stage_log.stage("extra metrics"):
                drawn = Drawn(pool[: len(features)], features, choice.rows)
                stage_log.add(measure_more(tools, stages, images, drawn, reference))
        with stage_log.stage("verify"):
            rows = count_verified(config, device)
            counts = (config.samples, rows, config.seed)
            competition.verify_submission(folders.output, *counts, extractor.extract)
        finish(tools, given, identity)


def locate_weights(given: Config, folders: Folders, stage_log: StageLog) -> Path | None:
    """Find Inception's weights; None where random ones were asked for, which is told."""
    if given.weights_file == RANDOM_WEIGHTS:
        stage_log.warn("weights", RANDOM_WARNING)
        return None
    path = Path(place) if (place := os.environ.get("KERNEL_WEIGHTS")) else None
    return find_weights(given.weights_file, given.weights_sha256, path, folders.input)


@contextmanager
def start_device(stages: Stages, setting: Setting) -> Iterator[Device]:
    """Choose the device and start the other ranks, which leave at the end of the block."""
    ranks = setting.launched or ALONE
    device = choose_device(ranks, stages.make_graphs)
    if setting.launched is None and stages.ranks:
        gpus = torch.cuda.device_count() if device.is_cuda else 0
        wanted = setting.given.ranks
        ranks = stages.ranks.spawn_workers(wanted, gpus, setting.recipe, stages.make_graphs)
    try:
        yield dataclasses.replace(device, ranks=ranks)
    except RankLostError:
        ranks.abandon()
        raise
    finally:
        ranks.shutdown()


def resolve(given: Config, recipe: Recipe, device: Device) -> Config:
    """Fill in what was left to the device, and print why."""
    config, reasons = fill_defaults(given, recipe.preset, device.is_cuda)
    for reason in reasons:
        log("config", reason)
    return config


def read_plan(folders: Folders) -> Plan | None:
    """The plan of an earlier process, which a resumed run keeps to."""
    earlier = read_json(folders.scratch / "plan.json")
    return Plan(**earlier) if earlier else None


def note_of_real(tools: Tools, data: str) -> Path:
    """The file that tells that real features of these data lie in the cache."""
    return tools.folders.cache / f"measured-{data[:12]}-{tools.extractor.weights_hash[:12]}.json"


def measure_machine(tools: Tools, images: np.ndarray, model: Model | None = None) -> Speeds:
    """((N, C, S, S) uint8 of the pictures' kind, the model if there is one) -> Speeds, printed."""
    recipe, config = (model.recipe, model.config) if model else (tools.recipe, tools.config)
    channels = images.shape[1] if len(images) and recipe.channels is None else 3
    return measure_speeds(recipe, config, tools.device, tools.extractor, channels)


def divide_time(tools: Tools, images: Images, speeds: Speeds) -> Plan:
    """Divide the run's time by the measured speeds; a resumed run keeps to this plan."""
    config, folders, extractor = tools.config, tools.folders, tools.extractor
    rows = choose_real(len(images.real), config.real_limit, config.seed)
    missing = count_unmeasured(images.real[rows], extractor, folders.cache)
    wanted = Wanted(len(rows), missing, len(images.unseen))
    candidates = [candidate.name for candidate in tools.recipe.candidates]
    on_gpu, spent_s = tools.device.is_cuda, tools.stage_log.elapsed_s
    plan = make_plan(config, candidates, wanted, on_gpu, spent_s, speeds)
    write_json(folders.scratch / "plan.json", dataclasses.asdict(plan))
    for reason in plan.reasons:
        tools.stage_log.warn("plan", reason)
    log("plan", describe_plan(config, plan))
    return plan


def measure_real_images(
    tools: Tools, images: Images, plan: Plan
) -> tuple[Reference, Reference | None]:
    """Features, statistics and floor of the real images that serve, and of those set aside."""
    config, cache = tools.config, tools.folders.cache
    rows = choose_real(len(images.real), plan.real, config.seed)
    reference = measure_reference(images.real[rows], tools.extractor, cache, config)
    unseen = measure_unseen(images, plan.unseen, tools.extractor, cache, config, reference)
    return reference, unseen


def train_weights(
    tools: Tools,
    images: Images,
    plan: Plan,
    reference: Reference,
    taken_over_s: float,
    given: Config,
) -> tuple[TrainResult, TimeLimit]:
    """Train the recipe, or its candidates in turn -> the chosen weights, and what ended training.

    Seconds that were taken over from an earlier version's output count as trained already.
    """
    recipe, config, stage_log = tools.recipe, tools.config, tools.stage_log
    config = dataclasses.replace(config, trial=plan.trial)
    work, output = tools.folders.scratch / "train", tools.folders.output
    deadline = stage_log.deadline(config.minutes)
    deadline -= 0.0 if bounds_training(given) else plan.reserve_s
    # The last share may be another stage's; candidates leave their own.
    share = 0.0 if recipe.contest else config.fid_loss
    limit = TimeLimit(plan.train_s * (1.0 - share) + taken_over_s, deadline)
    tape = (recipe, config, tools.weights, tools.device, tools.extractor, reference, plan.image_s)
    validation = make_validation_fid(*tape)
    begin = recipe.contest.train if recipe.contest else train
    try:
        result: TrainResult = begin(
            *(images.training, recipe, config, tools.device, work, output, limit, validation)
        )
    except NoStepError as error:
        forget_training(tools.folders)
        raise explain_no_step(tools, plan) from error
    export_state(work, result.model.path.parent, output)
    is_timed = not bounds_training(given) and not taken_over_s
    if stall := find_stall(result.history, given.minutes if is_timed else None):
        stage_log.warn("train", stall)  # nothing stops early; but the next run may be shorter
    return result, limit


def finetune(
    tools: Tools,
    stages: Stages,
    trained: TrainResult,
    limit: TimeLimit,
    plan: Plan,
    reference: Reference,
) -> tuple[Model, Found, list[str]]:
    """Lower FID itself in the last share of training, where that is asked for.

    Returns the model, what training and this found, and sentences beside the score.
    """
    model, finetuning, notes = trained.model, None, []
    if stages.finetune:
        share_s = model.config.fid_loss * plan.train_s
        left_s = min(share_s, limit.deadline - time.monotonic())
        model, finetuning = stages.finetune(model, tools.device, tools.extractor, reference, left_s)
    metrics: dict[str, Any] = {
        "images_per_s": trained.images_per_s,
        "weights": trained.chosen,
        "steps": trained.steps,
        "judged": trained.judged,
    }
    if finetuning:
        metrics["steps"] += finetuning.kept_steps
        metrics["fid_loss"] = dataclasses.asdict(finetuning)
        notes = [finetuning.note] if finetuning.is_kept else []
    if tools.recipe.contest:
        metrics |= {"trained": model.recipe.name, "trials": trained.trials}
    return model, Found(metrics, history=trained.history), notes


def forget_training(folders: Folders) -> None:
    """Undo a training that made no step, so that the same command can go on."""
    (folders.scratch / "plan.json").unlink(missing_ok=True)
    for checkpoint in (folders.scratch / "train").rglob("checkpoint_*.pt"):
        checkpoint.unlink()


def explain_no_step(tools: Tools, plan: Plan) -> PipelineError:
    """Training that the clock ended before its first step -> what to tell the user."""
    stage_log = tools.stage_log
    enough = math.ceil(2.0 * (stage_log.elapsed_s + plan.reserve_s) / 60)
    return PipelineError(
        "train",
        "no step was made, and nothing is drawn from untrained weights",
        expected=f"time to train within --minutes {tools.config.minutes:g}",
        got=f"{stage_log.describe_seconds()}; {plan.reserve_s:.0f} s are kept for all that follows",
        cure=f"the same command with --minutes {enough}",
    )


def tune(
    tools: Tools, stages: Stages, model: Model, reference: Reference, plan: Plan, speeds: Speeds
) -> tuple[Model, Found]:
    """Find the temperature of the least FID, as far as there is time to look."""
    samples = tools.config.samples
    kept_s = speeds.cost_s(plan.pool) + (speeds.curate_s if plan.pool > samples else 0.0)
    left_s = tools.left_s(plan) - kept_s
    saved = tools.folders.scratch / "sweep.json"
    if left_s < speeds.cost_s(samples) and not saved.exists():
        tools.stage_log.warn("sweep", f"none: the clock leaves {max(left_s, 0):.0f} s for it")
        return model, Found()
    assert stages.tune_temperature
    deadline = time.monotonic() + left_s
    search = partial(stages.tune_temperature, saved, model, tools.device, tools.extractor)
    sweep = search(reference, plan.sweep, deadline)
    return model.at_temperature(sweep.temperature), Found({"sweep": dataclasses.asdict(sweep)})


def draw_images(tools: Tools, model: Model, plan: Plan, speeds: Speeds | None) -> np.ndarray:
    """Draw the pool, as many images as there is time for -> (P, 3, S, S) uint8."""
    saved, count = tools.folders.scratch / "pool.npy", plan.pool
    if count > tools.config.samples and not saved.exists() and speeds:
        count = fit_pool(tools.config, count, tools.left_s(plan), speeds)
        tell_pool(tools, count, plan.pool)
    return draw_pool(saved, model, count, tools.device)


def measure_pool(tools: Tools, pool: np.ndarray, plan: Plan) -> np.ndarray:
    """(P, 3, S, S) uint8 -> (P, 2048) features, of the first rows where time runs out."""
    samples = tools.config.samples
    # Curation takes about as long as closing, at the least.
    deadline = time.monotonic() + tools.left_s(plan) - plan.closing_s
    features = extract_pool(pool, tools.extractor, tools.folders.scratch, samples, deadline)
    enough = 2 * samples if len(features) < len(pool) else samples
    if len(features) < enough or tools.left_s(plan) < plan.closing_s:
        features = features[:samples]
    tell_pool(tools, len(features), len(pool))
    return features


def tell_pool(tools: Tools, count: int, wanted: int) -> None:
    """Warn where the pool is smaller than was planned."""
    if count < wanted:
        is_pool = count > tools.config.samples
        kept = f"a pool of {count:,}" if is_pool else "no pool and no curation"
        why = f"the clock leaves no time for {wanted:,} images"
        tools.stage_log.warn("sample", f"{kept}: {why}")


def choose(
    tools: Tools, stages: Stages, features: np.ndarray, reference: Reference, plan: Plan
) -> Choice:
    """Choose what is submitted: out of a pool by FID, else what was drawn first."""
    if stages.curate and len(features) > tools.config.samples:
        guard_s = max(min(tools.left_s(plan), _CURATE_GUARD_S), 1.0)
        choice = stages.curate(features, reference, tools.config, guard_s)
    else:
        choice = take_first(features[: tools.config.samples], reference, tools.config)
    keys = ("fid", "fid_random", "floor", "excess")
    values = [(key, choice.metrics[key]) for key in keys]
    log("fid", ", ".join(f"{key} {value:.4g}" for key, value in values if value is not None))
    return choice


def describe_submission(tools: Tools, trained: TrainResult) -> Remarks:
    """What is written beside the submission."""
    config = tools.config
    return Remarks(
        recipe=trained.model.recipe.name,
        seed=config.seed,
        extractor=tools.extractor.describe(),
        warning=RANDOM_WARNING if config.weights_file == RANDOM_WEIGHTS else "",
        epoch=trained.epoch if config.epoch_fid else None,
    )


def measure_more(
    tools: Tools,
    stages: Stages,
    images: Images,
    drawn: Drawn,
    reference: Reference,
) -> Found:
    """Find out what FID does not say of the generated images."""
    assert stages.measure_extra
    real, seed = images.real[:_LOOKED_AT], tools.config.seed
    extra = stages.measure_extra(drawn, real, images.training, images.unseen_own, reference, seed)
    log("extra metrics", extra.copying)
    caption = "Generated (left) and the nearest training images"
    grid = show(tools, "nearest.png", caption, extra.neighbours)
    return Found({"details": extra.details}, [extra.copying], grid, spectra=extra.spectra)


def show(tools: Tools, name: str, caption: str, images: np.ndarray) -> dict[str, bytes]:
    """Write a grid of the first images -> caption and PNG for the report."""
    path = tools.folders.output / name
    write_grid(path, images[:_GRID], columns=_COLUMNS, scale=4)
    return {caption: path.read_bytes()}


def finish(tools: Tools, given: Config, identity: dict[str, Any]) -> None:
    """Write the last files: metrics.json, the whole report, and run_manifest.json over all."""
    output, findings = tools.folders.output, tools.stage_log.findings
    findings.is_complete = True
    write_metrics(output, given, findings, tools.extractor.describe())
    tools.stage_log.write_report()
    provenance.write_manifest(output, {**identity, **findings.provenance})
    for name in ("submission.csv", "images.zip", "metrics.json", "report.html"):
        log("done", str(output / name))
    log("done", summarise(findings.metrics, given))
