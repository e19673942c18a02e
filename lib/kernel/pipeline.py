"""The run, from the input folder to a checked submission.

All stages stand here in their order; run_steps.py has the steps in them.
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
from lib.base.run_files import METRICS, REPORT
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.configuration.folders import (
    IDENTITY_FILE,
    PLAN_FILE,
    TRAIN_FOLDER,
    Folders,
    name_address,
)
from lib.kernel.configuration.rules import Rules
from lib.kernel.device.device import Device, GpuLostError, choose_device, find_gpu_fault
from lib.kernel.device.ranks import ALONE, RankLostError, Ranks
from lib.kernel.metrics.choice import Drawn
from lib.kernel.metrics.features import load_extractor
from lib.kernel.metrics.inception import RANDOM_WARNING
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.planning.automatic import fill_defaults
from lib.kernel.planning.plan import (
    LEAST_REAL,
    Plan,
    bounds_training,
)
from lib.kernel.planning.speeds import count_verified
from lib.kernel.recipe import Recipe
from lib.kernel.report import provenance
from lib.kernel.report.manifest import write_manifest
from lib.kernel.report.report import Found
from lib.kernel.report.stage_log import StageLog
from lib.kernel.report.summary import summarise, write_metrics
from lib.kernel.report.verdict import judge_run
from lib.kernel.report_config import list_settled, mark_settled
from lib.kernel.run_steps import (
    Tools,
    choose_submitted,
    describe_submission,
    divide_time,
    draw_fitting_pool,
    explaining_no_step,
    find_temperature,
    finetune,
    leave_training,
    measure_machine,
    measure_more,
    measure_pool,
    measure_real_images,
    note_of_real,
    prepare_training,
    refuse_too_few_minutes,
    spread_out,
    write_figure,
)
from lib.kernel.stages import Kernel, Stages
from lib.kernel.training.result import TrainResult
from lib.kernel.training.resume import import_state
from lib.kernel.training.train import train


@dataclass(frozen=True)
class Request:
    """What the user asked of a run, and the run's folders."""

    recipe: Recipe
    given: Config  # automatic values are still open
    folders: Folders
    stage_log: StageLog
    launched: Ranks | None = None  # by torchrun

    def alone(self) -> "Request":
        """Return the same request for this process alone, without other ranks."""
        return dataclasses.replace(self, launched=ALONE)


def run(kernel: Kernel, request: Request) -> None:
    """Run all stages in order; go on from what an earlier process left on disk.

    Long because it is the one place where a reader sees the whole run.
    """
    competition, stages, given = kernel.competition, kernel.stages, request.given
    recipe, folders, stage_log = request.recipe, request.folders, request.stage_log
    data_sha256 = competition.hash_input(folders.input)
    identity = provenance.identify(given, recipe, data_sha256)
    if provenance.is_finished(
        folders.output, folders.scratch, identity, kernel.bundle_sha256, recipe.preset
    ):
        log("done", name_address(folders.output / REPORT))
        return
    inception_file = locate_inception(given, folders, stage_log)
    with start_device(stages, request) as device:
        device = keep_sizes(device, folders)
        config = resolve(given, recipe, device)
        extractor = load_extractor(
            config, inception_file, device, use_tf_layout=stages.use_tf_layout
        )
        # Inception's file could be loaded: from here on it belongs to the run's identity.
        facts = {**identity, "bundle_sha256": kernel.bundle_sha256, "on_gpu": device.suits_gpu}
        write_json(folders.scratch / IDENTITY_FILE, facts)
        tools = Tools(recipe, config, device, extractor, inception_file, folders, stage_log)
        if recipe.contest:
            candidates = recipe.contest.tell(recipe, config, device.suits_gpu)
            stage_log.add(Found({"candidates": candidates}))

        plan = read_plan(folders)
        speeds = None  # measured only where a plan has to be made
        if plan is None:
            with stage_log.stage("speed"):
                glance = competition.glance(folders.input, config, LEAST_REAL)
                speeds = measure_machine(tools, glance.images)
                refuse_too_few_minutes(tools, glance, speeds, data_sha256)
        train_folder = folders.scratch / TRAIN_FOLDER
        taken_over_s = import_state(folders.input, train_folder, recipe, identity, device.is_cuda)

        with stage_log.stage("decode"):
            images = competition.read_images(
                folders.input, folders.cache, recipe, config, data_sha256, train_folder
            )
            competition.check(images, config.image_px)
            grid = write_figure(
                tools,
                "real.png",
                "Real images, as the recipe sees them",
                spread_out(images.training),
            )
            origin = provenance.Origin(
                kernel.bundle_sha256, data_sha256, inception_file, extractor.describe()
            )
            facts = origin.list_facts(config, device.name)
            stage_log.add(Found(images.metrics, figures=grid, provenance=facts))
        with stage_log.stage("real features"):
            if plan is None:
                plan = divide_time(tools, images, speeds)
            reference, unseen_reference = measure_real_images(tools, stages, images, plan)
            write_json(note_of_real(tools, data_sha256), {"real": plan.real})

        with stage_log.stage("train"):
            limit, validation = prepare_training(tools, plan, reference, taken_over_s, given)
            # A contest trains its candidates in turn, each by `train` too.
            train_by_recipe = recipe.contest.train if recipe.contest else train
            with explaining_no_step(tools, plan):
                trained: TrainResult = train_by_recipe(
                    images.training,
                    recipe,
                    dataclasses.replace(config, trial=plan.trial),
                    device,
                    train_folder,
                    folders.output,
                    limit,
                    validation,
                    stage_log.show_training,
                )
            is_timed = not bounds_training(given) and not taken_over_s
            leave_training(tools, trained, is_timed)
            model, found, notes = finetune(tools, stages, trained, limit, plan, reference)
            stage_log.add(found)
        if plan.sweep or plan.pool > config.samples:  # the machine may be busier now
            speeds = measure_machine(tools, images.training, model)
            plan = dataclasses.replace(plan, closing_s=speeds.closing_s)
        if plan.sweep and stages.tune_temperature and speeds:
            with stage_log.stage("sweep"):
                model, found = find_temperature(tools, stages, model, reference, plan, speeds)
                stage_log.add(found)
        settled = list_settled(plan, device.ranks.count, trained)
        stage_log.show_config(mark_settled(given, recipe.preset, model.config, settled))

        with stage_log.stage("sample"):
            pool = draw_fitting_pool(tools, model, plan, speeds)
        with stage_log.stage("features"):
            features = measure_pool(tools, pool, plan)
        with stage_log.stage("fid"):
            choice = choose_submitted(tools, stages, features, reference, plan)
            score_notes = [*choice.metrics.get("score_notes", []), *notes]
            scores: dict[str, Any] = {"fid_unseen": None, "unseen_note": images.unseen_note}
            if stages.score_unseen:
                scores = stages.score_unseen(features, choice, unseen_reference, images, config)
            metrics = {**choice.metrics, "score_notes": score_notes, **scores}
            stage_log.add(Found(metrics, [scores["unseen_note"]], curation=choice.trace))
        with stage_log.stage("submission"):
            chosen = np.ascontiguousarray(pool[choice.rows])
            grid = write_figure(tools, "generated.png", "Generated images, as submitted", chosen)
            stage_log.add(Found(figures=grid))
            remarks = describe_submission(tools, trained)
            competition.write_submission(folders.output, chosen, features[choice.rows], remarks)
        if stages.measure_extra:
            with stage_log.stage("extra metrics"):
                drawn = Drawn(pool[: len(features)], features, choice.rows)
                stage_log.add(measure_more(tools, stages, images, drawn, reference))
        with stage_log.stage("verify"):
            competition.verify_submission(
                folders.output,
                config,
                rows=count_verified(config, device),
                extract=extractor.extract,
            )
        finish(tools, given, identity, competition.rules)


@contextmanager
def start_device(stages: Stages, request: Request) -> Iterator[Device]:
    """Choose the device and start the other ranks; they leave at the end of the block."""
    ranks = request.launched or ALONE
    device = choose_device(ranks, stages.make_graphs)
    if request.launched is None and stages.ranks:
        gpus = torch.cuda.device_count() if device.is_cuda else 0
        wanted = request.given.ranks
        ranks = stages.ranks.spawn_workers(wanted, gpus, request.recipe, stages.make_graphs)
    try:
        yield dataclasses.replace(device, ranks=ranks)
    except RankLostError:
        ranks.abandon()
        raise
    except RuntimeError as error:
        if not (fault := find_gpu_fault(error)):
            raise
        ranks.abandon()
        cure = "the same command goes on from the last checkpoint; or choose another accelerator"
        raise GpuLostError("runtime", f"{device.name} failed", got=fault, cure=cure) from error
    finally:
        ranks.shutdown()


def keep_sizes(device: Device, folders: Folders) -> Device:
    """Let sizes left open be those that a training already begun has, on a GPU or a CPU."""
    if not any((folders.scratch / TRAIN_FOLDER).rglob("checkpoint_*.pt")):
        return device
    began_on_gpu = (read_json(folders.scratch / IDENTITY_FILE) or {}).get("on_gpu")
    if began_on_gpu not in (None, device.is_cuda):
        kind = "a GPU" if began_on_gpu else "a CPU"
        log("train", f"its networks keep the sizes of {kind}, where the run began")
    return dataclasses.replace(device, began_on_gpu=began_on_gpu)


def resolve(given: Config, recipe: Recipe, device: Device) -> Config:
    """Fill in the automatic values by the device, and print why."""
    config, reasons = fill_defaults(given, recipe.preset, device.suits_gpu)
    for reason in reasons:
        log("config", reason)
    return config


def read_plan(folders: Folders) -> Plan | None:
    """Read the plan of an earlier process, which a resumed run keeps; None: there is none."""
    earlier = read_json(folders.scratch / PLAN_FILE)
    return Plan(**earlier) if earlier else None


def locate_inception(given: Config, folders: Folders, stage_log: StageLog) -> Path | None:
    """Find Inception's weights; warn and return None where random ones were asked for."""
    if given.weights_file == RANDOM_WEIGHTS:
        stage_log.warn("weights", RANDOM_WARNING)
        return None
    path = Path(place) if (place := os.environ.get("KERNEL_WEIGHTS")) else None
    return find_weights(given.weights_file, given.weights_sha256, path, folders.input)


def finish(tools: Tools, given: Config, identity: dict[str, Any], rules: Rules) -> None:
    """Write the last files: metrics.json, the whole report, and run_manifest.json of all files."""
    output, findings = tools.folders.output, tools.stage_log.findings
    findings.is_complete = True
    verdict = judge_run(findings.metrics, given, rules)
    findings.add(Found({"verdict": verdict.as_dict()}))
    write_metrics(output, given, findings, tools.extractor.describe())
    tools.stage_log.write_report()
    write_manifest(output, {**identity, **findings.provenance})
    for name in (*rules.files, METRICS):
        log("done", str(output / name))
    log("done", name_address(output / REPORT))
    log("done", summarise(findings.metrics, given))
    log("verdict", verdict.describe())
