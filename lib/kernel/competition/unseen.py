"""Records' ids and a seed -> the real images that no generator is trained on and no choice sees.

A generator that copies its training images has a low FID against those images, and a higher one
against the unseen ones.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.base.files import read_object, write_json
from lib.base.seeds import derive_seed
from lib.kernel.competition.contract import UNSEEN_MARK
from lib.kernel.configuration.challenge import SUBMITTED
from lib.kernel.configuration.config import Config
from lib.kernel.recipe import Recipe

FROM = 5_000  # images; where there are fewer, training and FID need every one
LEAST = SUBMITTED
SHARE = 10  # one image in so many is set aside
_PARTS = 10  # an id that more than 1 / _PARTS of the images wanted share stays in training


@dataclass(frozen=True)
class Aside:
    """The records set aside, by id.

    Two policies may keep different records of the same shards, so row numbers would not do.
    """

    ids: frozenset[str]
    note: str  # how many they are, or why there are none


def set_aside(ids: Sequence[str], recipe: Recipe, config: Config, work: Path) -> Aside:
    """(ids of the official decoding, recipe, Config, training folder) -> Aside, a random tenth.

    A tenth is 1,000 images or more. A training folder without checkpoints is marked with the
    choice. One with checkpoints but without this mark is of a version before this rule. Its
    weights saw all images, so it goes on with all of them.
    """
    if not recipe.preset.sets_images_aside:
        return _keep_all(f"recipe {recipe.name} trains on all, as described")
    if len(ids) < FROM:
        return _keep_all(f"there are {len(ids):,}, and only of {FROM:,} or more some are set aside")
    chosen = _draw(ids, max(LEAST, len(ids) // SHARE), config.seed)
    count = sum(name in chosen for name in ids)
    if count < LEAST:
        return _keep_all("too many records share their ids")
    digest = hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest()
    if not any(work.rglob("checkpoint_*.pt")):
        write_json(work / UNSEEN_MARK, {"images": count, "sha256": digest})
    elif read_object(work / UNSEEN_MARK).get("sha256") != digest:
        return _keep_all("the training that this run goes on from saw all of them already")
    words = "real images, drawn at random, are kept from training and from every choice."
    return Aside(frozenset(chosen), f"{count:,} {words}")


def part_images(
    images: np.ndarray, ids: Sequence[str], aside: Aside
) -> tuple[np.ndarray, np.ndarray]:
    """((N, C, S, S) uint8, their ids, Aside) -> (images that stay, images set aside)."""
    if not aside.ids:
        return images, images[:0]
    is_aside = np.fromiter((name in aside.ids for name in ids), bool, len(images))
    return images[~is_aside], images[is_aside]


def _keep_all(reason: str) -> Aside:
    return Aside(frozenset(), f"No real images are kept from training: {reason}.")


def _draw(ids: Sequence[str], wanted: int, seed: int) -> set[str]:
    """Draw ids of `wanted` images or a few more: all images of one id go together."""
    counts = Counter(ids)
    names = list(counts)
    chosen: set[str] = set()
    left, most = wanted, max(wanted // _PARTS, 1)
    for place in np.random.default_rng(derive_seed(seed, "unseen")).permutation(len(names)):
        name = names[place]
        if left > 0 and counts[name] <= most:
            chosen.add(name)
            left -= counts[name]
    return chosen
