"""What a kernel's entry names: recipes, the competition and optional stages.

The run knows them by these contracts alone, so that a kernel holds only what it uses.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from lib.base.errors import InputError
from lib.kernel.competition.contract import Competition
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.stage_keys import STAGE_KEYS, list_needed
from lib.kernel.device.device import MakeGraphs
from lib.kernel.device.ranks import Ranks
from lib.kernel.metrics.choice import Choice
from lib.kernel.metrics.reference import Reference
from lib.kernel.recipe import Recipe
from lib.kernel.report.provenance import hash_bundle
from lib.kernel.report.stage_log import Viewer
from lib.kernel.sampling.model_file import Model


class RankStarter(Protocol):
    """The contract of lib.kernel.training.worker_rank, which starts and runs other ranks."""

    def join_launched(self) -> Ranks | None:
        """Join the ranks that torchrun started; return None without torchrun."""

    def spawn_workers(
        self, wanted: int, gpus: int, recipe: Recipe, make_graphs: MakeGraphs | None
    ) -> Ranks:
        """Start the other ranks on this machine."""

    def run_worker(self, ranks: Ranks, recipe: Recipe, make_graphs: MakeGraphs | None) -> None:
        """Work as one of the other ranks until rank 0 lets it leave."""


@dataclass(frozen=True)
class Stages:
    """Stages that a setting can switch off; None where the kernel does not hold them."""

    ranks: RankStarter | None = None
    make_graphs: MakeGraphs | None = None  # CUDA graphs
    finetune: Callable[..., tuple[Model, Any]] | None = None  # FID as the loss of the last steps
    tune_temperature: Callable[..., Any] | None = None
    curate: Callable[..., Choice] | None = None
    use_tf_layout: Callable[[nn.Module], None] | None = None  # of preprocessing tf
    measure_unseen: Callable[..., Reference | None] | None = None  # of images set aside
    score_unseen: Callable[..., dict[str, Any]] | None = None
    measure_extra: Callable[..., Any] | None = None  # KID, precision, recall, copies, spectra

    def check(self, *configs: Config) -> None:
        """Raise InputError where a Config, the run's or a candidate's, needs a stage left out."""
        needed = [(config, key) for config in configs for key in list_needed(config)]
        lacking = [one for one in needed if getattr(self, STAGE_KEYS[one[1]]) is None]
        for config, name in lacking:
            raise InputError(
                "config",
                f"this kernel was built without what {name!r} needs",
                got=f"{name} {getattr(config, name)}",
                cure=f"build it with --set {name}=... or --full, or take {name!r} back in CONFIG",
            )


@dataclass(frozen=True)
class Kernel:
    """Everything that the entry hands to a run."""

    block: Mapping[str, Any]  # CONFIG at the top of the script
    recipes: tuple[Recipe, ...]  # the first one is the default
    competition: Competition
    stages: Stages
    report_template: str
    bundle_sha256: str  # as it was built
    bundle_text: str = ""  # as it is now; empty in a notebook, which is many files
    viewer: Viewer | None = None  # of a notebook

    def hash_again(self) -> "Kernel":
        """Return the same with the hash of its text as it is now."""
        sha256 = hash_bundle(self.bundle_sha256, self.bundle_text)
        return dataclasses.replace(self, bundle_sha256=sha256)
