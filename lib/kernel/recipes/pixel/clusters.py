"""Images -> clusters of similar pictures; a picture -> its cluster's number, which is its code.

An autoregressive model decides at its first pixels what kind of picture follows, but these pixels
are a tiny part of the loss. So the code is drawn first: p(code, picture) = p(code)
p(picture | code). p(code) is counted, not learnt. So proportions come out right, and every pixel
knows what it belongs to. This is the auxiliary variable of arXiv:1612.08185 with the
self-conditioning by k-means of arXiv:2212.00362.
"""

import warnings

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import nn
from torch.nn import functional as F

from lib.base.seeds import derive_seed
from lib.kernel.configuration.challenge import IMAGE_PX

BLOCKS = 8  # along each side: their means describe a picture
TEXTURE = 0.5  # weight of the share of mid-tones and of the roughness
LOOKED_AT = 10_000  # images from which the clusters are computed
IMAGES_OF_CODE = 150  # on average; from fewer little is learnt about a code
MOST_CODES = 256
ROUNDS = 20  # of k-means
_AT_ONCE = 4096  # images of 32 px at once, to bound the floating-point copies


class Clusters(nn.Module):
    """The centres of the clusters, and each one's share of the training images."""

    centres: torch.Tensor
    shares: torch.Tensor

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(count, channels * BLOCKS**2 + 2))
        self.register_buffer("shares", torch.full((count,), 1.0 / count))

    def learn(self, images: torch.Tensor, seed: int) -> None:
        """Find the centres of (N, C, S, S) uint8 images by k-means, and count the shares."""
        descriptions = describe_pictures(images[:: -(-len(images) // LOOKED_AT)])
        distinct = np.unique(descriptions.double().cpu().numpy(), axis=0)
        wanted = min(len(self.centres), len(distinct))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty cluster's code is never drawn
            first = _choose_centres(distinct, wanted, derive_seed(seed, "codes"))
            found, _ = kmeans2(distinct, first, ROUNDS, minit="matrix")
        centres = np.resize(found, self.centres.shape)  # repeated if there are too few
        self.centres.copy_(torch.from_numpy(centres))
        counts = torch.bincount(self.assign(images), minlength=len(self.centres))
        self.shares.copy_(counts / counts.sum())

    def assign(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, S, S) uint8 -> (N,) int64 index of the nearest centre, the first of equals."""
        exact = "donot_use_mm_for_euclid_dist"
        parts = describe_pictures(images).split(_AT_ONCE)
        return torch.cat([torch.cdist(p, self.centres, 2, exact).argmin(1) for p in parts])

    def draw(self, uniforms: torch.Tensor) -> torch.Tensor:
        """(N,) uniforms in [0, 1) -> (N,) int64 codes, by the quantiles of the shares."""
        heights = self.shares.cumsum(0)
        last = self.shares.nonzero()[-1]
        found = torch.searchsorted(heights, uniforms * heights[-1], right=True)
        return torch.minimum(found, last)

    def nats(self, codes: torch.Tensor) -> torch.Tensor:
        """(N,) codes -> mean of -ln p(code)."""
        return -self.shares.clamp(min=torch.finfo(torch.float32).tiny).log()[codes].mean()


def describe_pictures(images: torch.Tensor) -> torch.Tensor:
    """(N, C, S, S) uint8 -> (N, 64 C + 2) float32: means of blocks, mid-tones, roughness.

    Squared distances are the mean over the blocks plus those of the two textures.
    """
    size = max(1, _AT_ONCE * IMAGE_PX**2 // images[:1, 0].numel())
    return torch.cat([_describe(part) for part in images.split(size)])


def _describe(images: torch.Tensor) -> torch.Tensor:
    values = images.float() / 255.0
    blocks = F.adaptive_avg_pool2d(values, BLOCKS).flatten(1) / (BLOCKS * values.shape[1] ** 0.5)
    tones = ((images > 0) & (images < 255)).float().flatten(1).mean(1)
    across = (values[..., 1:] - values[..., :-1]).abs().flatten(1).mean(1)
    down = (values[..., 1:, :] - values[..., :-1, :]).abs().flatten(1).mean(1)
    textures = TEXTURE * torch.stack([tones, across + down], 1)
    return torch.cat([blocks, textures], 1)


def _choose_centres(points: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """((N, F), K) -> (K, F) of the points, each far from those before: k-means++.

    The method is that of Arthur and Vassilvitskii. SciPy's own compares with all earlier centres
    for every new one, which takes minutes for 256.
    """
    draw = np.random.default_rng(seed)
    chosen = [int(draw.integers(len(points)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < wanted:
        nearest = np.minimum(nearest, np.square(points - points[chosen[-1]]).sum(1))
        chosen.append(int(draw.choice(len(points), p=nearest / nearest.sum())))
    return points[chosen]


def count_codes(images: int) -> int:
    """Number of training images -> number of codes that can be learnt from them."""
    return max(1, min(MOST_CODES, images // IMAGES_OF_CODE))
