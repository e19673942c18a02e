"""Write tensors and plain values to a file behind their sha256, and read them back."""

import io
from pathlib import Path
from typing import Any

import torch

from lib.base.checksummed_files import (
    ChecksumError,
    Heading,
    read_checksummed,
    write_checksummed,
)
from lib.base.errors import PipelineError


def write_state(path: Path, state: Any) -> None:
    """Write nested dicts and lists of tensors and plain values, atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_checksummed(path, buffer.getvalue(), Heading.LINE)


def read_state(path: Path, device: torch.device) -> Any:
    """Read a file of write_state, tensors to the device; raise PipelineError if it is damaged."""
    try:
        payload = read_checksummed(path, Heading.LINE)
    except ChecksumError as error:
        raise PipelineError(
            "checkpoint",
            f"{path.name} is damaged",
            expected=f"sha256 {error.stated[:12]!r}",
            got=repr(error.got[:12]),
            cure="delete the file; the run goes on from the one before it",
        ) from None
    try:
        return torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
    except Exception as error:  # whatever bytes make torch raise, the file is at fault
        raise PipelineError(
            "checkpoint",
            f"{path.name} cannot be read",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
            cure="it is from another version: delete the folder of checkpoints",
        ) from error
