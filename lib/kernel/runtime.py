"""The machine -> the device and number format to train with, each choice with its reason."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from lib.kernel.progress import log


@dataclass(frozen=True)
class Device:
    """Where tensors live and which format speeds up matrix products there."""

    torch_device: torch.device
    amp_dtype: torch.dtype | None  # None: float32 throughout
    name: str

    @property
    def is_cuda(self) -> bool:
        """Whether this is a GPU that passed the probe."""
        return self.torch_device.type == "cuda"


def choose_device() -> Device:
    """Nothing -> a GPU that computes right, else the CPU; prints which and why."""
    if not torch.cuda.is_available():
        log("runtime", f"cpu, {torch.get_num_threads()} threads (torch sees no CUDA device)")
        return Device(torch.device("cpu"), None, "cpu")
    name = torch.cuda.get_device_name(0)
    major, minor = torch.cuda.get_device_capability(0)
    try:
        _probe_cuda()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        log("runtime", f"cpu ({name} is there, but a first operation on it failed: {reason})")
        return Device(torch.device("cpu"), None, "cpu")
    dtype = torch.bfloat16 if major >= 8 else torch.float16
    why = "8.0 or later" if major >= 8 else "bfloat16 needs 8.0, below it is emulated and slow"
    log("runtime", f"{name}, {str(dtype).removeprefix('torch.')} (SM {major}.{minor}: {why})")
    return Device(torch.device("cuda", 0), dtype, name)


def _probe_cuda() -> None:
    """Nothing -> RuntimeError unless the GPU multiplies two matrices correctly.

    `torch.cuda.is_available()` is true on a P100, for which current builds carry no kernels.
    """
    ones = torch.ones(64, 64, device="cuda")
    if float((ones @ ones).sum()) != 64.0**3:
        raise RuntimeError("a product of two matrices of ones came out wrong")


@dataclass(frozen=True)
class Folders:
    """Where a run reads and writes."""

    input: Path
    output: Path  # what Kaggle keeps
    scratch: Path  # what a resumed run needs, outside the output
    cache: Path  # what other runs can reuse: features of real images


def find_folders() -> Folders:
    """Environment, mounts -> KERNEL_INPUT and KERNEL_OUTPUT, else Kaggle's folders, else here."""
    kaggle = Path("/kaggle")
    on_kaggle = (kaggle / "input").is_dir() and (kaggle / "working").is_dir()
    given_input, given_output = os.environ.get("KERNEL_INPUT"), os.environ.get("KERNEL_OUTPUT")
    source = Path(given_input or (kaggle / "input" if on_kaggle else "input")).absolute()
    target = Path(given_output or (kaggle / "working" if on_kaggle else ".")).absolute()
    default = kaggle / "temp" if on_kaggle and not given_output else _place_scratch(target)
    scratch = Path(os.environ.get("KERNEL_SCRATCH") or default).absolute()
    cache = Path(os.environ.get("KERNEL_CACHE") or scratch / "cache").absolute()
    return Folders(source, target, scratch, cache)


def _place_scratch(target: Path) -> Path:
    """An output folder -> "<output>.scratch" beside it, or a temporary folder of its own."""
    if os.access(target.parent, os.W_OK):
        return target.parent / f"{target.name}.scratch"
    digest = hashlib.sha256(str(target).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"kernel-{digest}.scratch"
