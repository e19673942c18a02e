"""A training state -> a checksummed file, two kept; a folder of them -> the newest whole one."""

import hashlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from lib.base import files
from lib.base.errors import PipelineError
from lib.base.log import log

KEPT = 2
_DIGITS = 64  # of the sha256 that starts each file


def write_state(path: Path, state: Any) -> None:
    """Nested dicts and lists of tensors and plain values -> a file that starts with its sha256."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    with files.replacing(path) as file:
        file.write(hashlib.sha256(payload).hexdigest().encode() + b"\n")
        file.write(payload)


def read_state(path: Path, device: torch.device) -> Any:
    """A file of write_state -> the state, its tensors on the device; PipelineError if damaged."""
    content = path.read_bytes()
    digest, payload = content[:_DIGITS], memoryview(content)[_DIGITS + 1 :]
    got = hashlib.sha256(payload).hexdigest().encode()
    if digest != got:
        raise PipelineError(
            "checkpoint",
            f"{path.name} is damaged",
            expected=f"sha256 {digest[:12]!r}",
            got=repr(got[:12]),
            cure="delete the file; the run goes on from the one before it",
        )
    try:
        return torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, zipfile.BadZipFile) as error:
        raise PipelineError(
            "checkpoint",
            f"{path.name} cannot be read",
            got=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            cure="it is from another version: delete the folder of checkpoints",
        ) from error


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
