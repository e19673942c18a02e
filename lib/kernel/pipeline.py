"""The run, from the input folder to a submission that was checked.

All of it is read here in the order in which things happen; run_steps.py has the steps.
"""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lib.base.files import read_json, write_json
from lib.base.log import log
from lib.base.run_files import IMAGES, METRICS, REPORT, SUBMISSION
from lib.kernel.config import RANDOM_WEIGHTS, Config
from lib.kernel.defaults import fill_defaults
from lib.kernel.device.device import Device, choose_device
from lib.kernel.device.ranks import ALONE, RankLostError, Ranks
from lib.kernel.folders import IDENTITY_FILE, PLAN_FILE, TRAIN_FOLDER, Folders
from lib.kernel.metrics.choice import Drawn
from lib.kernel.metrics.features import load_extractor
from lib.kernel.metrics.inception import RANDOM_WARNING
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.metrics.unseen_fid import score_unseen
from lib.kernel.plan import (
    LEAST_REAL,
    Plan,
    bounds_training,
    demand_time,
)
from lib.kernel.recipe import Recipe
from lib.kernel.report import provenance
from lib.kernel.report.report import Found
from lib.kernel.report.stage_log import StageLog
from lib.kernel.report.summary import summarise, write_metrics
from lib.kernel.run_steps import (
    Tools,
    choose,
    describe_submission,
    divide_time,
    draw_images,
    explaining_no_step,
    finetune,
    leave_training,
    measure_machine,
    measure_more,
    measure_pool,
    measure_real_images,
    note_of_real,
    prepare_training,
    show,
    tune,
)
from lib.kernel.settled import list_settled, mark_settled
from lib.kernel.speeds import count_verified
from lib.kernel.stages import Kernel, Stages
from lib.kernel.training.result import TrainResult
from lib.kernel.training.resume import import_state
from lib.kernel.training.train import train


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
        log("done", str(folders.output / REPORT))
        return
    weights = locate_weights(given, folders, stage_log)
    with start_device(stages, setting) as device:
        config = resolve(given, recipe, device)
        extractor = load_extractor(config, weights, device)
        tools = Tools(recipe, config, device, extractor, weights, folders, stage_log)
        write_json(folders.scratch / IDENTITY_FILE, identity)  # its weights are sound
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
        work = folders.scratch / TRAIN_FOLDER
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
            limit, validation = prepare_training(tools, plan, reference, taken_over_s, given)
            train_it = recipe.contest.train if recipe.contest else train
            own = dataclasses.replace(config, trial=plan.trial)  # where recipes compete
            places = (work, folders.output)
            with explaining_no_step(tools, plan):
                trained: TrainResult = train_it(
                    images.training, recipe, own, device, *places, limit, validation
                )
            leave_training(tools, trained, not (bounds_training(given) or taken_over_s))
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
    earlier = read_json(folders.scratch / PLAN_FILE)
    return Plan(**earlier) if earlier else None


def locate_weights(given: Config, folders: Folders, stage_log: StageLog) -> Path | None:
    """Find Inception's weights; None where random ones were asked for, which is told."""
    if given.weights_file == RANDOM_WEIGHTS:
        stage_log.warn("weights", RANDOM_WARNING)
        return None
    path = Path(place) if (place := os.environ.get("KERNEL_WEIGHTS")) else None
    return find_weights(given.weights_file, given.weights_sha256, path, folders.input)


def finish(tools: Tools, given: Config, identity: dict[str, Any]) -> None:
    """Write the last files: metrics.json, the whole report, and run_manifest.json over all."""
    output, findings = tools.folders.output, tools.stage_log.findings
    findings.is_complete = True
    write_metrics(output, given, findings, tools.extractor.describe())
    tools.stage_log.write_report()
    provenance.write_manifest(output, {**identity, **findings.provenance})
    for name in (SUBMISSION, IMAGES, METRICS, REPORT):
        log("done", str(output / name))
    log("done", summarise(findings.metrics, given))
