"""A Config and the input folder -> every artefact of a run; only this module knows all stages."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from lib.kernel import provenance
from lib.kernel.appraisal import Drawn, appraise
from lib.kernel.config import RANDOM_WEIGHTS, Config, as_dict
from lib.kernel.continuation import leave_state, take_up
from lib.kernel.features import Extractor, cached_features, load_extractor
from lib.kernel.follower import gather_team
from lib.kernel.generated_side import Choice, choose_images, draw_pool, find_temperature
from lib.kernel.grids import write_grid
from lib.kernel.journal import Journal
from lib.kernel.last_stretch import NOTE, finish_by_fid
from lib.kernel.outcome import RANDOM_WARNING, verify_outcome, write_metrics, write_outcome
from lib.kernel.plan import Plan, fill_defaults
from lib.kernel.progress import log
from lib.kernel.real_side import (
    Images,
    RealSide,
    choose_real,
    decode_images,
    make_plan,
    measure_real,
)
from lib.kernel.recipes import AUTO
from lib.kernel.report import Findings, mark_settled
from lib.kernel.runtime import Device, Folders
from lib.kernel.shard_lines import hash_shards
from lib.kernel.shards import find_shards
from lib.kernel.storage import write_json
from lib.kernel.team import ALONE, Team
from lib.kernel.train import Budget, TrainResult, train
from lib.kernel.weights import find_weights
from lib.kernel.yardstick import make_yardstick

_GRID, _COLUMNS = 40, 4  # of the grids; four columns at 4x fit twice beside each other
_CPU_VERIFIED = 64  # rows whose features are computed anew; on a GPU all are
_CLOSING_S = 20.0  # the CSV, the zip, verifying, the report
_APPRAISED = 10_000  # real images for pixel statistics and nearest neighbours
_CURATE_GUARD_S = 240.0  # for the proof and the choice together


class Run:
    """One run between its stages."""

    def __init__(self, config: Config, bundle_sha256: str, template: str, folders: Folders) -> None:
        self._config = config
        self._bundle_sha256 = bundle_sha256
        self._folders = folders
        self.team = ALONE
        self._identity: dict[str, Any] = {}
        self._notes: list[str] = []  # sentences beside the score
        title = f"GAN Challenge: recipe {config.recipe}, seed {config.seed}"
        self._findings = Findings(title, as_dict(config))
        self._journal = Journal(self._findings, template, folders.output, folders.scratch)

    def execute(self, launched: Team | None = None) -> None:
        """Every stage in order; what an earlier process left on disk is taken up.

        Long because it is the one place where a reader sees the whole run.
        """
        folders, journal = self._folders, self._journal
        self._notes.clear()  # of an attempt whose team fell apart
        data = hash_shards(find_shards(folders.input))
        identity = self._identity = provenance.identify(self._config, data)
        if provenance.is_finished(folders.output, folders.scratch, identity, self._bundle_sha256):
            return
        weights = self._find_weights()
        write_json(folders.scratch / "identity.json", identity)
        device = gather_team(launched, self._config.ranks)
        self.team = device.team
        config, reasons = fill_defaults(self._config, device.is_cuda)
        for reason in reasons:
            log("config", reason)
        with journal.stage("decode"):
            images = decode_images(folders.input, folders.cache, config, data)
            self._findings.metrics |= images.metrics
            self._show("real.png", "Real images, as the recipe sees them", images.training)
        extractor = load_extractor(config, weights, device)
        origin = provenance.Origin(self._bundle_sha256, data, weights, extractor.describe())
        self._findings.provenance = origin.list_facts(config, device.name)
        with journal.stage("real features"):
            plan, real = self._measure_real(config, images, extractor, data)
        with journal.stage("train"):
            config = dataclasses.replace(config, trial=plan.trial)
            result = self._train(config, images.training, device, plan, real, extractor, weights)
            config = result.config
        if plan.sweep:
            with journal.stage("sweep"):
                saved, model = folders.scratch / "sweep.json", result.checkpoint
                sweep = find_temperature(saved, model, config, device, extractor, real, plan.sweep)
                config = dataclasses.replace(config, temperature=sweep.temperature)
                self._findings.metrics["sweep"] = dataclasses.asdict(sweep)
        self._findings.config = mark_settled(as_dict(self._config), as_dict(config))
        with journal.stage("sample"):
            saved = folders.scratch / "pool.npy"
            pool = draw_pool(saved, result.checkpoint, plan.pool, config, device)
        with journal.stage("features"):
            features = self._extract_pool(config, pool, extractor, plan)
        with journal.stage("fid"):
            choice = self._choose(config, features, real)
        with journal.stage("submission"):
            chosen = np.ascontiguousarray(pool[choice.rows])
            self._show("generated.png", "Generated images, as submitted", chosen)
            description, own = extractor.describe(), features[choice.rows]
            write_outcome(folders.output, chosen, own, config, description, result.epoch)
        with journal.stage("appraisal"):
            self._appraise(images, pool[: len(features)], features, real, choice)
        with journal.stage("verify"):
            rows = config.samples if device.is_cuda else min(_CPU_VERIFIED, config.samples)
            verify_outcome(folders.output, config, rows, extractor.extract)
        self._finish(identity, description)

    def _find_weights(self) -> Path | None:
        config = self._config
        if config.weights_file == RANDOM_WEIGHTS:
            self._journal.warn("weights", RANDOM_WARNING)
            return None
        path = Path(given) if (given := os.environ.get("KERNEL_WEIGHTS")) else None
        return find_weights(config.weights_file, config.weights_sha256, path, self._folders.input)

    def _measure_real(
        self, config: Config, images: Images, extractor: Extractor, data: str
    ) -> tuple[Plan, RealSide]:
        """The time is divided by the measured speed; then real features, statistics, floor."""
        saved, cache = self._folders.scratch / "plan.json", self._folders.cache
        left_s = config.minutes * 60 - self._journal.elapsed_s
        plan = make_plan(saved, images.real, extractor, cache, config, left_s)
        for reason in plan.reasons:
            self._journal.warn("plan", reason)
        sizes = f"a pool of {plan.pool:,}, {plan.real:,} real images"
        log("plan", f"{plan.train_s:,.0f} s of training, {sizes}")
        rows = choose_real(len(images.real), plan.real, config.seed)
        return plan, measure_real(images.real[rows], extractor, cache, config)

    def _train(
        self,
        config: Config,
        images: np.ndarray,
        device: Device,
        plan: Plan,
        real: RealSide,
        extractor: Extractor,
        weights: Path | None,
    ) -> TrainResult:
        deadline = self._journal.deadline(config.minutes) - plan.reserve_s
        work, output = self._folders.scratch / "train", self._folders.output
        taken_over_s = take_up(self._folders.input, work, self._identity, device.is_cuda)
        share = config.fid_loss if config.recipe in (AUTO, "r3gan") else 0.0
        train_s = max(plan.train_s * (1.0 - share), 1.0) + taken_over_s
        budget = Budget(train_s, max(deadline, time.monotonic() + 1.0))
        yardstick = make_yardstick(config, weights, device, extractor, real, plan.image_s)
        result = train(images, config, device, work, output, budget, yardstick)
        leave_state(work, result.checkpoint.parent, output)
        left_s = min(share * plan.train_s, deadline - time.monotonic())
        checkpoint, stretch = finish_by_fid(
            result.checkpoint, result.config, device, extractor, real, left_s
        )
        if stretch:
            self._findings.metrics["fid_loss"] = dataclasses.asdict(stretch)
            self._notes += [NOTE] if stretch.is_kept else []
        self._findings.history = result.history
        self._findings.metrics |= {"images_per_s": result.images_per_s, "weights": result.chosen}
        if result.trials:
            self._findings.metrics |= {"trained": result.config.recipe, "trials": result.trials}
        self._findings.metrics["judged"] = result.judged
        return dataclasses.replace(result, checkpoint=checkpoint)

    def _extract_pool(
        self, config: Config, pool: np.ndarray, extractor: Extractor, plan: Plan
    ) -> np.ndarray:
        """(P, 3, 32, 32) uint8 -> (P, 2048) features, of the first `samples` where time ran out."""
        left = self._journal.deadline(config.minutes) - time.monotonic() - _CLOSING_S
        if len(pool) > config.samples and left < len(pool) * plan.feature_s:
            self._journal.warn("features", f"no curation: the clock leaves {max(left, 0):.0f} s")
            pool = pool[: config.samples]
        return cached_features(pool, extractor, self._folders.scratch, "pool")

    def _choose(self, config: Config, features: np.ndarray, real: RealSide) -> Choice:
        left = self._journal.deadline(config.minutes) - time.monotonic() - _CLOSING_S
        choice = choose_images(features, real, config, max(min(left, _CURATE_GUARD_S), 1.0))
        self._findings.metrics |= choice.metrics
        self._findings.metrics["score_notes"] = choice.metrics.get("score_notes", []) + self._notes
        self._findings.curation = choice.trace
        found = [(key, choice.metrics[key]) for key in ("fid", "fid_random", "floor", "excess")]
        log("fid", ", ".join(f"{key} {value:.4g}" for key, value in found if value is not None))
        return choice

    def _appraise(
        self, images: Images, pool: np.ndarray, features: np.ndarray, real: RealSide, choice: Choice
    ) -> None:
        own = Drawn(pool, features, choice.rows)
        some = slice(0, _APPRAISED)
        found = appraise(own, images.real[some], images.training[some], real, self._config.seed)
        self._findings.metrics["details"] = found.details
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
        self._journal.write_report()
        provenance.write_manifest(output, {**identity, **self._findings.provenance})
        for name in ("submission.csv", "images.zip", "report.html", "metrics.json"):
            log("done", str(output / name))
