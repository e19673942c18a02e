"""CONFIG, this bundle's hash and the environment -> the exit code of a whole run."""

from collections.abc import Mapping
from typing import Any

from lib.base.errors import PipelineError
from lib.base.exit_codes import run_for_exit_code
from lib.base.log import log
from lib.base.places import check_output_folder
from lib.kernel.device.device import find_folders
from lib.kernel.device.distributed import ALONE, RankLostError, join_launched
from lib.kernel.pipeline import Run
from lib.kernel.report import provenance
from lib.kernel.settings import read_block
from lib.kernel.training.worker_rank import run_worker


def main(block: Mapping[str, Any], bundle_sha256: str, template: str, debug: bool = False) -> int:
    """(CONFIG as it stands there, hash of this bundle, the report's template) -> exit code.

    Under torchrun this is rank 0 or follows it; else rank 0 recruits the others when it needs them,
    and goes on without them if one is lost.
    """

    def work() -> int:
        config = read_block(block)
        launched = join_launched()
        if launched and launched.rank:
            run_worker(launched)
            return 0
        folders = find_folders()
        for folder in (folders.output, folders.scratch, folders.cache):
            check_output_folder("output", folder)
        with provenance.locked(folders.scratch):
            run = Run(config, bundle_sha256, template, folders)
            with run.heartbeat:
                try:
                    run.execute(launched)
                except RankLostError as error:
                    if launched:  # torchrun ends the other ranks itself
                        cure = "the same command goes on here; torchrun's --max-restarts does so"
                        raise PipelineError("team", str(error), cure=cure) from error
                    log("team", f"{error}; this one goes on alone from the last checkpoint")
                    run.ranks.abandon()
                    run.execute(ALONE)
                finally:
                    (launched or run.ranks).shutdown()
        return 0

    return run_for_exit_code(work, debug)
