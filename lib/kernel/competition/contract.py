"""The contract of a competition: all that a run needs to know of its data and its submission.

The rest of the kernel knows a competition by this alone, and by its Rules. Each one is in a folder
beside this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lib.base.errors import PipelineError
from lib.kernel.configuration.config import Config
from lib.kernel.configuration.rules import Rules
from lib.kernel.recipe import Recipe

UNSEEN_MARK = "unseen.json"  # in a training folder: which images its weights never saw


@dataclass(frozen=True)
class Images:
    """The images that were read."""

    real: np.ndarray  # (N, 3, S, S) uint8, by policy official: what FID compares with
    training: np.ndarray  # (M, C, S, S) uint8, by the recipe's policy; C = 1 where all are grey
    unseen: np.ndarray  # (U, 3, S, S) uint8, by policy official: set aside, in neither of the above
    unseen_own: np.ndarray  # (V, C, S, S) uint8: the same records by the recipe's policy
    unseen_note: str  # how many were set aside, or why none
    metrics: Mapping[str, Any]  # what was kept and rejected, as metrics.json holds it


@dataclass(frozen=True)
class Glance:
    """The first images of the input, and at least how many records it has."""

    images: np.ndarray  # (N, 1 or 3, S, S) uint8; N is 0 where the first block holds none
    records: int


@dataclass(frozen=True)
class Remarks:
    """What is written beside a submission."""

    recipe: str
    seed: int
    extractor: str  # in words
    warning: str = ""
    epoch: int | None = None  # a copy of the submission is named after it
    image_name: str = ""  # pattern of the pictures' names, for competitions that leave it open


class ReadImages(Protocol):
    """How the input becomes images."""

    def __call__(
        self, source: Path, cache: Path, recipe: Recipe, config: Config, digest: str, work: Path
    ) -> Images:
        """(input folder, folder to decode into, ..., input's hash, training folder) -> Images."""


class VerifySubmission(Protocol):
    """How the files that were written are checked."""

    def __call__(
        self,
        output: Path,
        config: Config,
        *,
        rows: int,
        extract: Callable[[np.ndarray], np.ndarray],
    ) -> float:
        """Compute the features of `rows` images anew and compare them with those written.

        Returns the largest difference, in standard deviations of a feature.
        """


@dataclass(frozen=True)
class Competition:
    """One competition."""

    rules: Rules
    hash_input: Callable[[Path], str]  # input folder -> a hash of the data in it
    glance: Callable[[Path, Config, int], Glance]  # input folder, ..., records to count at most
    read_images: ReadImages
    # (output folder, (n, 3, S, S) uint8 images, (n, 2048) float32 features, remarks)
    write_submission: Callable[[Path, np.ndarray, np.ndarray, Remarks], None]
    verify_submission: VerifySubmission

    def check(self, images: Images, image_px: int) -> None:
        """Refuse images of another form than the contract's; read_images is then at fault."""
        side = (image_px, image_px)
        for name in ("real", "training", "unseen", "unseen_own"):
            found = getattr(images, name)
            channels = (1, 3) if name in ("training", "unseen_own") else (3,)
            is_fit = found.ndim == 4 and found.shape[1] in channels and found.shape[2:] == side
            if not is_fit or found.dtype != np.uint8:
                raise PipelineError(
                    "decode",
                    f"{self.rules.title}: its {name} images have another form",
                    expected=f"(N, {' or '.join(map(str, channels))}, {side[0]}, {side[1]}) uint8",
                    got=f"{found.shape} {found.dtype}",
                    cure="mend read_images of the competition, see docs/CONTRIBUTING.md",
                )
