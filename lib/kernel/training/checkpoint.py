"""Write training states to checksummed files, of which two are kept; read the newest intact one."""

from pathlib import Path
from typing import Any

import torch

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.base.tensor_files import read_state, write_state

KEPT = 2


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state after a step to a new file and return its path; keep only the newest two."""
    path = folder / _name(step)
    write_state(path, state)
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Read the state of a folder's newest intact checkpoint, or None; name damaged ones."""
    for path in list_checkpoints(folder):
        try:
            state = read_state(path, device)
        except PipelineError as error:
            log("checkpoint", f"{error.what}; the one before it serves, if there is one")
            continue
        return state if isinstance(state, dict) else None
    return None


def forget_after(folder: Path, step: int) -> None:
    """Delete the checkpoints of later steps, which led to a divergence."""
    for path in list_checkpoints(folder):
        if path.name > _name(step):
            path.unlink(missing_ok=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """List a folder's checkpoints, the newest first; none if the folder does not exist."""
    return sorted(folder.glob("checkpoint_*.pt"), reverse=True)


def _name(step: int) -> str:
    return f"checkpoint_{step:09d}.pt"
