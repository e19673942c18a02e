"""The folder of a fetched version -> the records of its training, by step.

Any program may write `history` into its metrics.json: a list of objects with a `step` and numbers,
or, as Keras has it, an object with a list for each name. This project's kernels keep theirs in the
checkpoint that they leave for a later version.
"""

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.missing_packages import explain_missing
from lib.base.run_files import METRICS
from lib.commands.all_runs.read_folder import (
    NoRunError,
    read_number,
    read_plain_object,
    read_whole,
)
from lib.commands.all_runs.row import show_line

Step = tuple[int, dict[str, float]]  # a step's number, and numbers by name
STATE = "training_state"  # as lib.kernel.training.resume has it, which imports torch
_PREFIX = "train/"  # before each name: a FID in training is no FID of the submission
_LARGEST = 1 << 53  # of a step's number


def read_history(folder: Path, has_state: bool) -> list[Step]:
    """Read the records of a training, none where there are none; raise NoRunError for damage.

    Only where `has_state` is a checkpoint looked for.
    """
    metrics = read_plain_object(folder / METRICS) or {}
    if steps := list_steps(metrics.get("history")):
        return steps
    checkpoints = [*(folder / STATE).rglob("checkpoint_*.pt")] if has_state else []
    newest = max(checkpoints, key=lambda path: path.name, default=None)
    return list_steps(_read_checkpoint(newest)) if newest else []


def list_steps(history: Any) -> list[Step]:
    """A history in either form -> its steps; whatever is no finite number is left out."""
    if isinstance(history, Mapping):
        columns = {name: each for name, each in history.items() if isinstance(each, list)}
        rows = zip_longest(*columns.values())
        history = [dict(zip(columns, row, strict=True)) for row in rows]
    steps = []
    for place, record in enumerate(history if isinstance(history, list) else ()):
        if not isinstance(record, Mapping):
            continue
        step = read_whole(record.get("step"))
        numbers = {
            f"{_PREFIX}{show_line(str(name))}": number
            for name, value in record.items()
            if name != "step" and (number := read_number(value)) is not None
        }
        if numbers and abs(step or 0) <= _LARGEST:
            steps.append((place if step is None else step, numbers))
    return steps


def _read_checkpoint(path: Path) -> Any:
    """Read the history in a checkpoint of this project's kernels."""
    try:
        with explain_missing("runs", "a checkpoint cannot be read, for a package is missing"):
            import torch

            from lib.base.tensor_files import read_state
        state = read_state(path, torch.device("cpu"))
    except PipelineError as error:
        raise NoRunError(error.what) from None
    except OSError as error:
        raise NoRunError(f"{path.name}: {error.strerror}") from None
    standing = state.get("standing") if isinstance(state, Mapping) else None
    return standing.get("history") if isinstance(standing, Mapping) else None
