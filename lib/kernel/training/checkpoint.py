"""A training state -> a checksummed file, two kept; a folder of them -> the newest whole one."""

from pathlib import Path
from typing import Any

import torch

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.base.tensor_files import read_state, write_state

KEPT = 2


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """(folder, steps done, state) -> the new file; only the newest two stay."""
    path = folder / f"checkpoint_{step:09d}.pt"
    write_state(path, state)
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """A folder -> the state of its newest whole checkpoint, or None; damaged ones are named."""
    for path in list_checkpoints(folder):
        try:
            state = read_state(path, device)
        except PipelineError as error:
            log("checkpoint", f"{error.what}; the one before it serves, if there is one")
            continue
        return state if isinstance(state, dict) else None
    return None


def list_checkpoints(folder: Path) -> list[Path]:
    """A folder -> its checkpoints, newest first; none if there is no such folder."""
    return sorted(folder.glob("checkpoint_*.pt"), reverse=True)
