"""What the entry of a kernel names: recipes, the competition, and the stages that may be left out.

The run knows all of them by these contracts alone, so that a kernel holds only what it uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lib.base.errors import InputError
from lib.kernel.competition.contract import Competition
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import MakeGraphs
from lib.kernel.device.ranks import Ranks
from lib.kernel.metrics.choice import Choice
from lib.kernel.recipe import Recipe
from lib.kernel.sampling.model_file import Model


class RankStarter(Protocol):
    """How other processes join in: the module lib.kernel.training.worker_rank."""

    def join_launched(self) -> Ranks | None:
        """Find this process's place among torchrun's; None elsewhere."""

    def spawn_workers(
        self, wanted: int, gpus: int, recipe: Recipe, make_graphs: MakeGraphs | None
    ) -> Ranks:
        """Start the other ranks of this machine."""

    def run_worker(self, ranks: Ranks, recipe: Recipe, make_graphs: MakeGraphs | None) -> None:
        """Be one of the others."""


@dataclass(frozen=True)
class Stages:
    """Stages that a setting may switch off; None where the kernel does not hold them."""

    ranks: RankStarter | None = None
    make_graphs: MakeGraphs | None = None  # CUDA graphs
    finetune: Callable[..., tuple[Model, Any]] | None = None  # FID as the last steps' loss
    tune_temperature: Callable[..., Any] | None = None
    curate: Callable[..., Choice] | None = None
    measure_extra: Callable[..., Any] | None = None  # KID, precision, recall, copies, spectra

    def check(self, config: Config) -> None:
        """Refuse a configuration that asks for a stage which the kernel does not hold."""
        asked = {
            "ranks": config.ranks != 1 and self.ranks is None,
            "graphs": config.graphs and self.make_graphs is None,
            "fid_loss": config.fid_loss != 0 and self.finetune is None,
            "sweep": config.sweep and self.tune_temperature is None,
            "curate": config.curate and self.curate is None,
        }
        lacking = [name for name, is_lacking in asked.items() if is_lacking]
        if lacking:
            name = lacking[0]
            raise InputError(
                "config",
                f"this kernel was built without what {name!r} needs",
                got=f"{name} {getattr(config, name)}",
                cure=f"build it with --set {name}=..., or take {name!r} back in CONFIG",
            )


@dataclass(frozen=True)
class Kernel:
    """Everything that the entry hands to a run."""

    block: Mapping[str, Any]  # CONFIG as it stands at the top of the script
    recipes: tuple[Recipe, ...]  # the first one serves where CONFIG names none
    competition: Competition
    stages: Stages
    report_template: str
    bundle_sha256: str
