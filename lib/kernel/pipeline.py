"""A Config and the input folder -> every artefact of a run; only this module knows all stages.

Long because the whole run is read here in order.
"""

import dataclasses
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import PipelineError
from lib.base.files import read_json, write_json
from lib.base.image_grid import write_grid
from lib.base.log import Heartbeat, log
from lib.kernel.competition.outcome import (
    RANDOM_WARNING,
    summarise,
    verify_outcome,
    write_metrics,
    write_outcome,
)
from lib.kernel.competition.shard_lines import hash_shards
from lib.kernel.competition.shards import find_shards
from lib.kernel.config import RANDOM_WEIGHTS, Config
from lib.kernel.curation.choose import Choice, choose_images, draw_pool, find_temperature
from lib.kernel.defaults import fill_defaults
from lib.kernel.device.device import Device, Folders
from lib.kernel.device.distributed import ALONE, Ranks
from lib.kernel.metrics.extra_metrics import Drawn, measure_extra
from lib.kernel.metrics.features import Extractor, cached_features, load_extractor
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.metrics.reference import (
    Images,
    Reference,
    choose_real,
    decode_images,
    make_plan,
    measure_reference,
)
from lib.kernel.metrics.unseen_fid import measure_unseen, score_unseen
from lib.kernel.metrics.validation_fid import make_validation_fid
from lib.kernel.plan import (
    LEAST_REAL,
    Plan,
    bounds_training,
    demand_time,
    describe_plan,
    fit_pool,
)
from lib.kernel.recipes.auto.candidates import tell_candidates
from lib.kernel.recipes.table import AUTO
from lib.kernel.report import provenance
from lib.kernel.report.report import Findings
from lib.kernel.report.stage_log import StageLog
from lib.kernel.settings import show_settings
from lib.kernel.settled import list_settled, mark_settled
from lib.kernel.speeds import Speeds, count_verified, find_channels, glance_at, measure_speeds
from lib.kernel.training.fid_finetune import NOTE, finetune_by_fid
from lib.kernel.training.resume import export_state, import_state
from lib.kernel.training.stall import find_stall
from lib.kernel.training.time_limit import NoStepError
from lib.kernel.training.train import TimeLimit, TrainResult, train
from lib.kernel.training.worker_rank import start_ranks

_GRID, _COLUMNS = 40, 4  # of the grids; four columns at 4x fit twice beside each other
_APPRAISED = 10_000  # real images for pixel statistics
_CURATE_GUARD_S = 240.0  # for the proof and the choice together


class Run:
    """One run between its stages."""

    def __init__(self, config: Config, bundle_sha256: str, template: str, folders: Folders) -> None:
        self._config = config
        self._bundle_sha256 = bundle_sha256
        self._folders = folders
        self.ranks = ALONE
        self._taken_over_s = 0.0  # of training in an earlier version's output
        self._notes: list[str] = []  # sentences beside the score
        title = f"GAN Challenge: recipe {config.recipe}, seed {config.seed}"
        self._findings = Findings(title, show_settings(config))
        self._stage_log = StageLog(self._findings, template, folders.output, folders.scratch)

    @property
    def heartbeat(self) -> Heartbeat:
        """What speaks where a stage is silent; to be entered around `execute`."""
        return self._stage_log.heartbeat

    def execute(self, launched: Ranks | None = None) -> None:
        """Every stage in order; what an earlier process left on disk is taken up.

        Long because it is the one place where a reader sees the whole run.
        """
        folders, stage_log = self._folders, self._stage_log
        self._notes.clear()  # of an attempt whose team fell apart
        shards = find_shards(folders.input)
        data = hash_shards(shards)
        identity = provenance.identify(self._config, data)
        if provenance.is_finished(folders.output, folders.scratch, identity, self._bundle_sha256):
            log("done", str(folders.output / "report.html"))
            return
        weights = self._find_weights()
        device = start_ranks(launched, self._config.ranks)
        self.ranks = device.ranks
        config, reasons = fill_defaults(self._config, device.is_cuda)
        for reason in reasons:
            log("config", reason)
        extractor = load_extractor(config, weights, device)
        write_json(folders.scratch / "identity.json", identity)  # its weights are sound
        self._findings.metrics |= tell_candidates(config, device.is_cuda)
        plan = self._read_plan()
        if plan is None:
            with stage_log.stage("speed"):
                glance = glance_at(shards, config.policy, LEAST_REAL)
                speeds = measure_speeds(config, device, extractor, find_channels(glance, config))
                known = self._note_of_real(data, extractor).exists()
                least = min(glance.records, config.real_limit or LEAST_REAL, LEAST_REAL)
                demand_time(config, speeds, 0 if known else least, stage_log.elapsed_s)
        work = folders.scratch / "train"
        self._taken_over_s = import_state(folders.input, work, identity, device.is_cuda)
        with stage_log.stage("decode"):
            images = decode_images(folders.input, folders.cache, config, data, work)
            self._findings.metrics |= images.metrics
            self._show("real.png", "Real images, as the recipe sees them", images.training)
        origin = provenance.Origin(self._bundle_sha256, data, weights, extractor.describe())
        self._findings.provenance = origin.list_facts(config, device.name)
        with stage_log.stage("real features"):
            if plan is None:
                plan = self._make_plan(config, images, extractor, speeds)
            real, unseen = self._measure_real(config, images, extractor, plan)
            write_json(self._note_of_real(data, extractor), {"real": plan.real})
        with stage_log.stage("train"):
            config = dataclasses.replace(config, trial=plan.trial)
            result = self._train(config, images.training, device, plan, real, extractor, weights)
            config = result.config
        if plan.sweep or plan.pool > config.samples:  # they take what time there is by now
            speeds = measure_speeds(config, device, extractor, images.training.shape[1])
            plan = dataclasses.replace(plan, closing_s=speeds.closing_s)
        if plan.sweep:
            with stage_log.stage("sweep"):
                model = result.checkpoint
                config = self._sweep(config, model, device, extractor, real, plan, speeds)
        found = list_settled(plan, device.ranks.count, result)
        self._findings.config = mark_settled(self._config, config, found)
        with stage_log.stage("sample"):
            saved = folders.scratch / "pool.npy"
            count = plan.pool
            if count > config.samples and not saved.exists():
                count = fit_pool(config, count, self._find_left_s(config, plan), speeds)
                self._tell_pool(config, count, plan.pool)
            pool = draw_pool(saved, result.checkpoint, count, config, device)
        with stage_log.stage("features"):
            features = self._extract_pool(config, pool, extractor, plan)
        with stage_log.stage("fid"):
            choice = self._choose(config, features, real, plan)
            self._score_unseen(config, features, choice, images, unseen)
        with stage_log.stage("submission"):
            chosen = np.ascontiguousarray(pool[choice.rows])
            self._show("generated.png", "Generated images, as submitted", chosen)
            description, own = extractor.describe(), features[choice.rows]
            write_outcome(folders.output, chosen, own, config, description, result.epoch)
        with stage_log.stage("appraisal"):
            self._appraise(images, pool[: len(features)], features, real, choice)
        with stage_log.stage("verify"):
            rows = count_verified(config, device)
            verify_outcome(folders.output, config, rows, extractor.extract)
        self._finish(identity, description)

    def _find_weights(self) -> Path | None:
        config = self._config
        if config.weights_file == RANDOM_WEIGHTS:
            self._stage_log.warn("weights", RANDOM_WARNING)
            return None
        path = Path(given) if (given := os.environ.get("KERNEL_WEIGHTS")) else None
        return find_weights(config.weights_file, config.weights_sha256, path, self._folders.input)

    def _read_plan(self) -> Plan | None:
        """The plan of an earlier process, which a resumed run keeps to."""
        earlier = read_json(self._folders.scratch / "plan.json")
        return Plan(**earlier) if earlier else None

    def _note_of_real(self, data: str, extractor: Extractor) -> Path:
        """The file that tells that real features of these data lie in the cache."""
        name = f"measured-{data[:12]}-{extractor.weights_hash[:12]}.json"
        return self._folders.cache / name

    def _make_plan(
        self, config: Config, images: Images, extractor: Extractor, speeds: Speeds
    ) -> Plan:
        """The time is divided by the measured speeds."""
        saved, cache = self._folders.scratch / "plan.json", self._folders.cache
        left_s = config.minutes * 60 - self._stage_log.elapsed_s
        plan = make_plan(saved, images, extractor, cache, config, left_s, speeds)
        for reason in plan.reasons:
            self._stage_log.warn("plan", reason)
        log("plan", describe_plan(config, plan))
        return plan

    def _measure_real(
        self, config: Config, images: Images, extractor: Extractor, plan: Plan
    ) -> tuple[Reference, Reference | None]:
        """Features, statistics and floor of the real images that serve, and of those set aside."""
        cache = self._folders.cache
        rows = choose_real(len(images.real), plan.real, config.seed)
        real = measure_reference(images.real[rows], extractor, cache, config)
        return real, measure_unseen(images, plan.unseen, extractor, cache, config, real)

    def _find_left_s(self, config: Config, plan: Plan) -> float:
        """Seconds until the run must close."""
        return self._stage_log.deadline(config.minutes) - time.monotonic() - plan.closing_s

    def _train(
        self,
        config: Config,
        images: np.ndarray,
        device: Device,
        plan: Plan,
        real: Reference,
        extractor: Extractor,
        weights: Path | None,
    ) -> TrainResult:
        deadline = self._stage_log.deadline(config.minutes)
        deadline -= 0.0 if bounds_training(self._config) else plan.reserve_s
        work, output = self._folders.scratch / "train", self._folders.output
        # Of recipe auto's candidates each leaves its own share.
        share = config.fid_loss if config.recipe == "r3gan" else 0.0
        train_s = plan.train_s * (1.0 - share) + self._taken_over_s
        budget = TimeLimit(train_s, deadline)
        validation = make_validation_fid(config, weights, device, extractor, real, plan.image_s)
        try:
            result = train(images, config, device, work, output, budget, validation)
        except NoStepError as error:
            self._forget_training(work)
            raise self._explain_no_step(plan) from error
        export_state(work, result.checkpoint.parent, output)
        left_s = min(result.config.fid_loss * plan.train_s, deadline - time.monotonic())
        checkpoint, stretch = finetune_by_fid(
            result.checkpoint, result.config, device, extractor, real, left_s
        )
        if stretch:
            self._findings.metrics["fid_loss"] = dataclasses.asdict(stretch)
            self._notes += [NOTE] if stretch.is_kept else []
        self._findings.history = result.history
        self._findings.metrics |= {"images_per_s": result.images_per_s, "weights": result.chosen}
        self._findings.metrics["steps"] = result.steps + (stretch.kept_steps if stretch else 0)
        self._tell_stall(result)
        if config.recipe == AUTO:
            self._findings.metrics |= {"trained": result.config.recipe, "trials": result.trials}
        self._findings.metrics["judged"] = result.judged
        return dataclasses.replace(result, checkpoint=checkpoint)

    def _tell_stall(self, result: TrainResult) -> None:
        """Nothing stops early; but the next run may be shorter."""
        is_timed = not bounds_training(self._config) and not self._taken_over_s
        if stall := find_stall(result.history, self._config.minutes if is_timed else None):
            self._stage_log.warn("train", stall)

    def _forget_training(self, work: Path) -> None:
        """Training that made no step -> as if it had not begun, so that the command can go on."""
        (self._folders.scratch / "plan.json").unlink(missing_ok=True)
        for checkpoint in work.rglob("checkpoint_*.pt"):
            checkpoint.unlink()

    def _explain_no_step(self, plan: Plan) -> PipelineError:
        """Training that the clock ended before its first step -> what to tell the user."""
        spent = self._stage_log.describe_seconds()
        enough = math.ceil(2.0 * (self._stage_log.elapsed_s + plan.reserve_s) / 60)
        return PipelineError(
            "train",
            "no step was made, and nothing is drawn from untrained weights",
            expected=f"time to train within --minutes {self._config.minutes:g}",
            got=f"{spent}; {plan.reserve_s:.0f} s are kept for all that follows",
            cure=f"the same command with --minutes {enough}",
        )

    def _sweep(
        self,
        config: Config,
        model: Path,
        device: Device,
        extractor: Extractor,
        real: Reference,
        plan: Plan,
        speeds: Speeds,
    ) -> Config:
        """The config with the temperature of the least FID, as far as there is time to look."""
        kept_s = speeds.cost_s(plan.pool)
        kept_s += speeds.curate_s if plan.pool > config.samples else 0.0
        left_s = self._find_left_s(config, plan) - kept_s
        saved = self._folders.scratch / "sweep.json"
        if left_s < speeds.cost_s(config.samples) and not saved.exists():
            self._stage_log.warn("sweep", f"none: the clock leaves {max(left_s, 0):.0f} s for it")
            return config
        deadline = time.monotonic() + left_s
        sweep = find_temperature(
            saved, model, config, device, extractor, real, plan.sweep, deadline
        )
        self._findings.metrics["sweep"] = dataclasses.asdict(sweep)
        return dataclasses.replace(config, temperature=sweep.temperature)

    def _tell_pool(self, config: Config, count: int, wanted: int) -> None:
        if count < wanted:
            kept = f"a pool of {count:,}" if count > config.samples else "no pool and no curation"
            self._stage_log.warn(
                "sample", f"{kept}: the clock leaves no time for {wanted:,} images"
            )

    def _extract_pool(
        self, config: Config, pool: np.ndarray, extractor: Extractor, plan: Plan
    ) -> np.ndarray:
        """(P, 3, 32, 32) uint8 -> (P, 2048) features, of the first rows where time runs out."""
        # Curation takes about as long as closing, at the least.
        deadline = time.monotonic() + self._find_left_s(config, plan) - plan.closing_s
        features = cached_features(
            *(pool, extractor, self._folders.scratch, "pool"),
            least=config.samples,
            deadline=deadline,
        )
        enough = 2 * config.samples if len(features) < len(pool) else config.samples
        if len(features) < enough or self._find_left_s(config, plan) < plan.closing_s:
            features = features[: config.samples]
        self._tell_pool(config, len(features), len(pool))
        return features

    def _choose(self, config: Config, features: np.ndarray, real: Reference, plan: Plan) -> Choice:
        left_s = self._find_left_s(config, plan)
        choice = choose_images(features, real, config, max(min(left_s, _CURATE_GUARD_S), 1.0))
        self._findings.metrics |= choice.metrics
        self._findings.metrics["score_notes"] = choice.metrics.get("score_notes", []) + self._notes
        self._findings.curation = choice.trace
        found = [(key, choice.metrics[key]) for key in ("fid", "fid_random", "floor", "excess")]
        log("fid", ", ".join(f"{key} {value:.4g}" for key, value in found if value is not None))
        return choice

    def _score_unseen(
        self,
        config: Config,
        features: np.ndarray,
        choice: Choice,
        images: Images,
        unseen: Reference | None,
    ) -> None:
        scores = score_unseen(features, choice, unseen, images, config)
        self._findings.metrics |= scores
        self._findings.metrics["score_notes"] += [scores["unseen_note"]]

    def _appraise(
        self,
        images: Images,
        pool: np.ndarray,
        features: np.ndarray,
        real: Reference,
        choice: Choice,
    ) -> None:
        own = Drawn(pool, features, choice.rows)
        some, training, unseen = images.real[:_APPRAISED], images.training, images.unseen_own
        found = measure_extra(own, some, training, unseen, real, self._config.seed)
        log("appraisal", found.copying)
        self._findings.metrics["details"] = found.details
        self._findings.metrics["score_notes"] += [found.copying]
        self._findings.spectra = found.spectra
        caption = "Generated (left) and the nearest training images"
        self._show("nearest.png", caption, found.neighbours)

    def _show(self, name: str, caption: str, images: np.ndarray) -> None:
        path = self._folders.output / name
        write_grid(path, images[:_GRID], columns=_COLUMNS, scale=4)
        self._findings.figures[caption] = path.read_bytes()

    def _finish(self, identity: dict[str, Any], description: str) -> None:
        """The last files: metrics.json, the whole report, and run_manifest.json over all."""
        output = self._folders.output
        self._findings.is_complete = True
        write_metrics(output, self._config, self._findings, description)
        self._stage_log.write_report()
        provenance.write_manifest(output, {**identity, **self._findings.provenance})
        for name in ("submission.csv", "images.zip", "metrics.json", "report.html"):
            log("done", str(output / name))
        log("done", summarise(self._findings.metrics, self._config))
