"""The folders of a run, and the names of files that a resumed run finds."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Files and folders in the scratch folder.
IDENTITY_FILE = "identity.json"
PLAN_FILE = "plan.json"
SWEEP_FILE = "sweep.json"
POOL_FILE = "pool.npy"
TRAIN_FOLDER = "train"

_KAGGLE = Path("/kaggle")


@dataclass(frozen=True)
class Folders:
    """The folders that a run reads and writes."""

    input: Path
    output: Path  # what Kaggle keeps
    scratch: Path  # what a resumed run needs, outside the output
    cache: Path  # what other runs can reuse: features of real images


def find_folders() -> Folders:
    """Find KERNEL_INPUT and KERNEL_OUTPUT, else Kaggle's folders, else those here."""
    kaggle, on_kaggle = _KAGGLE, _has_kaggle_folders()
    given_input, given_output = os.environ.get("KERNEL_INPUT"), os.environ.get("KERNEL_OUTPUT")
    source = Path(given_input or (kaggle / "input" if on_kaggle else "input")).absolute()
    target = Path(given_output or (kaggle / "working" if on_kaggle else ".")).absolute()
    default = kaggle / "temp" if on_kaggle and not given_output else _place_scratch(target)
    scratch = Path(os.environ.get("KERNEL_SCRATCH") or default).absolute()
    cache = Path(os.environ.get("KERNEL_CACHE") or scratch / "cache").absolute()
    return Folders(source, target, scratch, cache)


def is_on_kaggle() -> bool:
    """Tell whether the run's files are Kaggle's, which nobody opens by a path on this machine."""
    return _has_kaggle_folders() and not os.environ.get("KERNEL_OUTPUT")


def name_address(path: Path) -> str:
    """A file -> what a reader opens: its address for a browser, on Kaggle its path."""
    return str(path) if is_on_kaggle() else path.absolute().as_uri()


def _has_kaggle_folders() -> bool:
    return (_KAGGLE / "input").is_dir() and (_KAGGLE / "working").is_dir()


def _place_scratch(target: Path) -> Path:
    """An output folder -> "<output>.scratch" beside it, or else a temporary folder."""
    if os.access(target.parent, os.W_OK):
        return target.parent / f"{target.name}.scratch"
    digest = hashlib.sha256(str(target).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"kernel-{digest}.scratch"
