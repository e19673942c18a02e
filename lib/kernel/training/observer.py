"""What a recipe measures and leaves behind between two training steps: by default nothing.

WeightSelection and Snapshots are the two kinds; a recipe names the one that it uses.
"""

from pathlib import Path

from lib.kernel.configuration.config import Config
from lib.kernel.metrics.validation_fid import ValidationFid
from lib.kernel.recipe import Recipe, Samples
from lib.kernel.training.state import TrainState
from lib.kernel.training.trainer import Trainer

SHOWN = 40  # samples that who watches a training gets to see


class Observer:
    """Looks at a training between its steps; this one does nothing, so the last weights serve."""

    uses_fast_fid = False  # whether its FIDs may go by the fast path through Inception

    def __init__(
        self,
        recipe: Recipe,
        config: Config,
        output: Path,
        deadline: float,
        validation: ValidationFid | None,
    ) -> None:
        """Keep what it needs; the deadline is a value of time.monotonic()."""
        self._recipe = recipe
        self._config = config
        self._output = output
        self._deadline = deadline
        self._validation = validation
        self.newest: Samples | None = None  # some of those that a measure drew, to be looked at
        self.begin()

    def begin(self) -> None:
        """Set up what a kind of observer keeps for itself."""

    def closing_s(self, state: TrainState) -> float:
        """Return the seconds that the measures after the last step may take."""
        return 0.0

    def measure(self, trainer: Trainer, state: TrainState, share: float, is_last: bool) -> None:
        """Measure at one of ten points of a run, at a share of it, 0 to 1."""

    def leave_epoch(self, trainer: Trainer, state: TrainState, is_last: bool) -> None:
        """Leave something behind after an epoch, or after the last step."""
