"""The device and the number format to train with, each choice with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.kernel.device.plain_steps import PlainSteps
from lib.kernel.device.ranks import ALONE, Ranks

_CPU_FACTS = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


MakeGraphs = Callable[[], PlainSteps]  # make_graphs of lib/kernel/device/cuda_graph.py
_GPU_FAULTS = ("CUDA error", "CUDA driver", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL error")


class GpuLostError(PipelineError):
    """The GPU failed in the middle of its work; this process still works."""


@dataclass(frozen=True)
class Device:
    """Where tensors live and which format speeds up matrix products there."""

    torch_device: torch.device
    amp_dtype: torch.dtype | None  # None: float32 throughout
    name: str
    ranks: Ranks = ALONE
    make_graphs: MakeGraphs | None = None  # None: kernels are launched one by one
    began_on_gpu: bool | None = None  # where the run began; None: here

    @property
    def suits_gpu(self) -> bool:
        """Whether sizes left open suit a GPU: a run keeps those that it began with."""
        return self.is_cuda if self.began_on_gpu is None else self.began_on_gpu

    @property
    def is_cuda(self) -> bool:
        """Whether this is a GPU that passed the probe."""
        return self.torch_device.type == "cuda"

    def autocast(self) -> torch.autocast:
        """Open a block whose matrix products are made in the short format, where there is one."""
        dtype = self.amp_dtype
        return torch.autocast(self.torch_device.type, dtype, enabled=dtype is not None)


def choose_device(ranks: Ranks = ALONE, make_graphs: MakeGraphs | None = None) -> Device:
    """Choose the rank's GPU if that computes right, else the CPU; print which and why."""
    number, name = ranks.local_rank, "a GPU"
    if not torch.cuda.is_available():
        return _describe_cpu("torch sees no CUDA device", ranks)
    try:
        name = torch.cuda.get_device_name(number)
        major, minor = torch.cuda.get_device_capability(number)
        _probe_cuda(number)
    except (RuntimeError, AssertionError) as error:  # of a number that no GPU has: AssertionError
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return _describe_cpu(
            f"{name} is there, but a first operation on it failed: {reason}", ranks
        )
    dtype = torch.bfloat16 if major >= 8 else torch.float16
    why = "8.0 or later" if major >= 8 else "bfloat16 needs 8.0, below it is emulated and slow"
    log("runtime", f"{name}, {str(dtype).removeprefix('torch.')} (SM {major}.{minor}: {why})")
    return Device(torch.device("cuda", number), dtype, name, ranks, make_graphs)


def find_gpu_fault(error: RuntimeError) -> str:
    """An error of torch -> its first line where the GPU is at fault, else "".

    After such a fault every later operation on that GPU fails in this process, as CUDA's
    documentation says. Too little memory is no such fault.
    """
    words = str(error).strip()
    is_fault = not isinstance(error, torch.OutOfMemoryError)
    is_fault = is_fault and any(fault in words for fault in _GPU_FAULTS)
    return words.splitlines()[0] if is_fault else ""


def _describe_cpu(why: str, ranks: Ranks) -> Device:
    """Why there is no GPU -> the CPU, in bfloat16 where its instructions make that faster."""
    flags = _CPU_FACTS.read_text() if _CPU_FACTS.exists() else ""
    found = sorted(set(_BFLOAT16_FLAGS) & set(flags.split()))
    reason = f"{', '.join(found)} here" if found else "no instructions for bfloat16 here"
    kind = "bfloat16" if found else "float32"
    log("runtime", f"cpu, {torch.get_num_threads()} threads, {kind} ({why}; {reason})")
    return Device(torch.device("cpu"), torch.bfloat16 if found else None, "cpu", ranks)


def _probe_cuda(number: int) -> None:
    """Raise RuntimeError unless the GPU of that number multiplies two matrices correctly.

    `torch.cuda.is_available()` is true on a P100, for which current builds carry no kernels.
    """
    ones = torch.ones(64, 64, device=torch.device("cuda", number))
    if float((ones @ ones).sum()) != 64.0**3:
        raise RuntimeError("a product of two matrices of ones came out wrong")
