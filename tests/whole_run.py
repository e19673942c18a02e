"""A Config, a recipe and folders -> a whole run in this process, where a test can reach into it."""

from typing import Any

from lib.base.files import read_json
from lib.kernel import pipeline
from lib.kernel.competition.contract import Competition
from lib.kernel.competition.gan_challenge.competition import COMPETITION
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.folders import Folders
from lib.kernel.configuration.settings import show_settings
from lib.kernel.curation.choose import choose_images
from lib.kernel.device.cuda_graph import make_graphs
from lib.kernel.metrics.extra_metrics import measure_extra
from lib.kernel.metrics.inception_tf import use_tf_layout
from lib.kernel.metrics.unseen_fid import measure_unseen, score_unseen
from lib.kernel.recipe import Recipe
from lib.kernel.report.report import Findings
from lib.kernel.report.stage_log import StageLog
from lib.kernel.sampling.temperature_sweep import tune_temperature
from lib.kernel.stages import Kernel, Stages
from lib.kernel.training import worker_rank
from lib.kernel.training.fid_finetune import finetune_by_fid
from tests.local_runs import ROOT

STAGES = Stages(
    ranks=worker_rank,
    make_graphs=make_graphs,
    finetune=finetune_by_fid,
    tune_temperature=tune_temperature,
    curate=choose_images,
    use_tf_layout=use_tf_layout,
    measure_unseen=measure_unseen,
    score_unseen=score_unseen,
    measure_extra=measure_extra,
)


def make_kernel(
    block: dict[str, Any], recipe: Recipe, competition: Competition = COMPETITION
) -> Kernel:
    """CONFIG and a recipe -> what the entry of a kernel names."""
    template = (ROOT / "kernel_template" / "report.html.j2").read_text()
    return Kernel(block, (recipe,), competition, STAGES, template, "0" * 64)


def run_kernel(
    config: Config, recipe: Recipe, folders: Folders, competition: Competition = COMPETITION
) -> dict[str, Any]:
    """A Config as it was given, in a whole run -> metrics.json."""
    kernel = make_kernel({}, recipe, competition)
    findings = Findings("a run of a test", show_settings(config, recipe.preset))
    stage_log = StageLog(findings, kernel.report_template, folders.output, folders.scratch)
    pipeline.run(kernel, pipeline.Request(recipe, config, folders, stage_log))
    return dict(read_json(folders.output / "metrics.json"))
