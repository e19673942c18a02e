"""What every competition does after decoding: check the data, keep channels, tell metrics."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from lib.base.errors import InputError
from lib.base.log import log
from lib.kernel.recipe import Recipe


class Decoding(Protocol):
    """What is known of decoded images."""

    @property
    def kept(self) -> int:
        """How many they are."""

    @property
    def rejected(self) -> dict[str, int]:
        """Reason -> how many had to be rejected, the most frequent first."""

    @property
    def notes(self) -> dict[str, int]:
        """What was changed in the kept ones -> how often."""

    @property
    def grey(self) -> bool:
        """Whether R = G = B in every pixel."""


def check_unchanged(before: str, now: str) -> None:
    """(hash of the data as the run began, of what was decoded) -> InputError where they differ.

    An input that went away meanwhile would pass for damaged, and the run would train on the rest.
    """
    if before != now:
        raise InputError(
            "input",
            "it changed, or went away, while it was read",
            expected=f"data of hash {before[:12]}",
            got=now[:12],
            cure="bring it back; the same command goes on",
        )


def keep_channels(
    decoding: Decoding, recipe: Recipe, *images: np.ndarray
) -> tuple[np.ndarray, ...]:
    """(decoding, recipe, each (N, 3, S, S)) -> each with one channel where that is enough."""
    if decoding.grey and recipe.channels is None:
        log("dataset", "one channel, triplicated at the end (every image is grey)")
        return tuple(each[:, :1] for each in images)
    if decoding.grey:
        log("dataset", "three channels although every image is grey (as the public recipe did)")
    return images


def describe_decoding(decoding: Decoding, unseen: int, note: str, **own: Any) -> Mapping[str, Any]:
    """(decoding, images set aside, why so many, a competition's own facts) -> keys of metrics."""
    return {
        **own,
        "kept": decoding.kept,
        "rejected": sum(decoding.rejected.values()),
        "rejected_by_reason": decoding.rejected,
        "notes": decoding.notes,
        "grey": decoding.grey,
        "unseen": unseen,
        "unseen_note": note,
        "fid_unseen": None,
    }
