"""Start a run: read its configuration, lock its folders, join other ranks, return a code."""

from collections.abc import Callable

from lib.base.errors import PipelineError
from lib.base.exit_codes import run_for_exit_code
from lib.base.log import log
from lib.base.places import check_output_folder, explain_lost
from lib.kernel.configuration.configure import list_configs
from lib.kernel.configuration.folders import find_folders
from lib.kernel.configuration.settings import read_block, show_settings
from lib.kernel.device.device import GpuLostError
from lib.kernel.device.ranks import RankLostError
from lib.kernel.pipeline import Request
from lib.kernel.report import provenance
from lib.kernel.report.report import PRODUCT, Findings
from lib.kernel.report.stage_log import StageLog
from lib.kernel.stages import Kernel

Run = Callable[[Kernel, Request], None]


def main(run: Run, kernel: Kernel, debug: bool = False) -> int:
    """Run pipeline.run with what the entry names; return the exit code.

    Under torchrun this process is one of its ranks. Otherwise it is rank 0, which starts the other
    ranks when it needs them and goes on without them if one is lost.
    """

    def work() -> int:
        rules = kernel.competition.rules
        recipes = {recipe.name: recipe.adapt(rules) for recipe in kernel.recipes}
        given = read_block(kernel.block, {name: each.preset for name, each in recipes.items()})
        recipe, starter = recipes[given.recipe], kernel.stages.ranks
        kernel.stages.check(*list_configs(given, recipe.preset))
        launched = starter.join_launched() if starter else None
        if starter and launched and launched.rank:
            starter.run_worker(launched, recipe, kernel.stages.make_graphs)
            return 0
        recipe = recipe.keep_able(given.image_px)
        as_it_is = kernel.hash_again()
        folders = find_folders()
        for folder in (folders.output, folders.scratch, folders.cache):
            check_output_folder("output", folder)
        with provenance.locked(folders.scratch):
            title = f"{PRODUCT}: {rules.title} by recipe {recipe.name}"
            findings = Findings(title, show_settings(given, recipe.preset))
            template, places = kernel.report_template, (folders.output, folders.scratch)
            stage_log = StageLog(findings, template, *places, viewer=kernel.viewer)
            request = Request(recipe, given, folders, stage_log, launched)
            with stage_log.heartbeat, explain_lost("input", folders.input):
                _go_on_after_a_loss(run, as_it_is, request)
        return 0

    return run_for_exit_code(work, debug, shows_faults=True)


def _go_on_after_a_loss(run: Run, kernel: Kernel, request: Request) -> None:
    """Run; where another rank or the GPU is lost, run on alone with what still works."""
    try:
        run(kernel, request)
    except (RankLostError, GpuLostError) as error:
        stage, what = ("ranks", str(error))
        if isinstance(error, GpuLostError):
            stage, what = error.stage, f"{error.what}, got {error.got}"
        if request.launched:  # torchrun ends the other ranks itself
            cure = "the same command goes on here; torchrun's --max-restarts does so"
            raise PipelineError(stage, what, cure=cure) from error
        log(stage, f"{what}; this process goes on alone from the last checkpoint")
        run(kernel, request.alone())
