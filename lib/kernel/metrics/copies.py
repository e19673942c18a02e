"""Generated, unseen real and training images -> whether a generator copies, in numbers and words.

Unseen real images have a nearest training image, too. A generator that draws new pictures is about
as far from its training images as unseen images are; one that copies is nearer.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from lib.base.seeds import derive_seed
from lib.kernel.metrics.kid_prdc import find_neighbours

QUERIES = 200  # images of either kind: they take some seconds with 60,000 training images
_FEWEST = 20  # of either kind: fewer say nothing
_SURE = 3.0  # standard errors
_Digests = frozenset[bytes]


@dataclass(frozen=True)
class Nearness:
    """Distances to the nearest training image, root mean squares of grey levels, 0 for a copy."""

    generated: np.ndarray  # (n,)
    unseen: np.ndarray  # (n,), as many; empty: no real images were set aside

    @property
    def share_nearer(self) -> float:
        """Share of pairs whose generated image is nearer than the unseen; equal ones count half."""
        other = self.unseen[None, :]
        nearer, equal = self.generated[:, None] < other, self.generated[:, None] == other
        return float(nearer.mean() + equal.mean() / 2)

    @property
    def kind(self) -> str | None:
        """Whether generated images are "copies", "near", "alike" or "far"; None: not known."""
        count = len(self.generated)
        if not len(self.unseen) or count < _FEWEST:
            return None
        copies, share = self._count_copies(), self.share_nearer
        error = float(np.sqrt((2 * count + 1) / 12) / count)  # of Mann and Whitney's statistic
        if copies[0] - copies[1] > _SURE * np.sqrt(sum(copies)):
            return "copies"
        if share > 0.5 + _SURE * error:
            return "near"
        return "far" if share < 0.5 - _SURE * error else "alike"

    @property
    def metrics(self) -> dict[str, str | float | int | None]:
        """What metrics.json and the report's table hold."""
        return {
            "copying": self.kind,
            "nearest_training_rms": _median(self.generated),
            "nearest_training_rms_unseen": _median(self.unseen),
            "nearest_images": len(self.generated),
            "exact_copies": int((self.generated == 0).sum()),
            "exact_copies_unseen": int((self.unseen == 0).sum()) if len(self.unseen) else None,
        }

    def describe(self) -> str:
        """Say in plain sentences how near they are, and what follows."""
        if self.kind is None:
            why = "too few unseen real images, or generated ones, are there to compare"
            return f"Whether the generator copies its training images is not known: {why}."
        copies = self._count_copies()
        medians = [float(np.median(side)) for side in (self.generated, self.unseen)]
        return (
            f"A generated image is {medians[0]:.3g} grey levels a pixel away from the nearest "
            f"training image (median of {len(self.generated)}, {copies[0]} of them exact "
            f"copies), a real image that no generator saw {medians[1]:.3g} ({copies[1]} exact "
            f"copies). "
            f"{self._conclude()} Pictures that repeat in the training images are left out."
        )

    def _count_copies(self) -> list[int]:
        return [int((side == 0).sum()) for side in (self.generated, self.unseen)]

    def _conclude(self) -> str:
        pairs = f"in {self.share_nearer:.0%} of pairs, where 50 % would be alike"
        return {
            "copies": f"Generated images are nearer ({pairs}): "
            "the generator copies training images.",
            "near": f"Generated images are nearer ({pairs}): it nearly copies, or its pictures are "
            "plainer than real ones; look at both.",
            "far": f"Generated images are farther away ({pairs}): no sign of copying.",
        }.get(self.kind or "", f"Generated images are about as near ({pairs}): no sign of copying.")


def measure_nearness(
    generated: np.ndarray, unseen: np.ndarray, training: np.ndarray, seed: int
) -> Nearness:
    """(N, C, S, S), (U, C, S, S), (M, C, S, S) uint8 -> Nearness, both kinds equally many.

    Pictures that occur more than once in training are left out of both kinds. They are flat boxes
    that the data repeat, and an honest generator draws some of them as well.
    """
    repeated = _find_repeated(training)
    own = _draw_some(generated, repeated, seed)
    other = _draw_some(unseen, repeated, seed)
    if len(unseen):
        count = min(len(own), len(other))
        own, other = own[:count], other[:count]
    if not len(own):
        return Nearness(np.empty(0), np.empty(0))
    _, distances = find_neighbours(np.concatenate([own, other]), training)
    scaled = distances[:, 0] / np.sqrt(own[0].size)
    return Nearness(scaled[: len(own)], scaled[len(own) :])


def _median(distances: np.ndarray) -> float | None:
    return float(np.median(distances)) if len(distances) else None


def _hash(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _find_repeated(images: np.ndarray) -> _Digests:
    counts = Counter(_hash(image) for image in images)
    return frozenset(digest for digest, count in counts.items() if count > 1)


def _draw_some(images: np.ndarray, without: _Digests, seed: int) -> np.ndarray:
    """Draw at random at most QUERIES of the images, none of them among `without`."""
    order = np.random.default_rng(derive_seed(seed, "nearness")).permutation(len(images))
    rows: list[int] = []
    for row in order:
        if len(rows) == QUERIES:
            break
        if _hash(images[row]) not in without:
            rows.append(int(row))
    return images[np.array(rows, np.int64)]
