"""Turn this process into a run of a built kernel, isolated as on Kaggle."""

import os
import sys
from pathlib import Path
from typing import NoReturn

_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TORCH_HOME",
    "XDG_CACHE_HOME",
    "USER",
    "TERM",
    "NO_COLOR",
)
_PASSED_PREFIXES = ("OMP_", "MKL_", "CUDA_", "NVIDIA_", "LD_", "NCCL_")


def make_environment(
    environment: dict[str, str], source: Path, target: Path, weights: Path | None, cache: Path
) -> dict[str, str]:
    """(this process's environment, folders) -> the kernel's environment, without this repo."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _PASSED_ON or name.startswith(_PASSED_PREFIXES)
    }
    kept["KERNEL_INPUT"] = str(source.absolute())
    kept["KERNEL_OUTPUT"] = str(target.absolute())
    kept["KERNEL_CACHE"] = str(cache.absolute())
    if weights is not None:
        kept["KERNEL_WEIGHTS"] = str(weights.absolute())
    return kept


def become_kernel(
    kernel: Path, source: Path, target: Path, weights: Path | None, cache: Path, debug: bool
) -> NoReturn:
    """Replace this process by a run of a kernel's script, isolated as on Kaggle.

    `exec` keeps process id and group: signals and exit codes need no forwarding, and no child can
    be left behind. `-I` keeps this repo and the user's site folder off sys.path.
    """
    target.mkdir(parents=True, exist_ok=True)
    environment = make_environment(dict(os.environ), source, target, weights, cache)
    words = [sys.executable, "-I", str(kernel.absolute()), *(["--debug"] if debug else [])]
    os.chdir(target)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, words, environment)
