"""Training images -> those to learn from, and a few held out to measure the loss on."""

import numpy as np

from lib.base.log import log

HELD_OUT_SHARE = 0.02
HELD_OUT_MOST = 512  # images


def hold_out(images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """((N, C, H, W), seed) -> (images to learn from, held-out images), both in their order."""
    held_out = min(HELD_OUT_MOST, int(len(images) * HELD_OUT_SHARE))
    order = np.random.default_rng(seed).permutation(len(images))
    if held_out:
        log("train", f"{held_out} images held out: their loss chooses the weights")
    return images[np.sort(order[held_out:])], images[np.sort(order[:held_out])]
