"""Find the changes that leave the images' statistics unchanged, and apply them to batches."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch.nn import functional as F

from lib.base.log import log
from lib.base.seeds import derive_seed

# Number k: k % 4 quarter turns, then a flip from left to right from number 4 on.
MOVES = (
    "none",
    "quarter turn",
    "half turn",
    "three-quarter turn",
    "left-right flip",
    "flip about the other diagonal",
    "upside-down flip",
    "flip about the diagonal",
)
SHIFTS = (4, 2, 1)  # px, the largest that leaves the statistics unchanged is taken
LOOKED_AT = 2000  # images; asymmetries that these do not show are too small to matter
BLOCKS = 8  # of images, whose halves show how much differs by chance


@dataclass(frozen=True)
class Symmetries:
    """Changes that leave the data's statistics unchanged; each only moves pixels."""

    moves: tuple[int, ...]  # numbers in MOVES, without 0
    shift: int  # px, at most, in each direction, around the edge; 0: none

    def __bool__(self) -> bool:
        return bool(self.moves or self.shift)


def measure_symmetries(images: np.ndarray, seed: int) -> Symmetries:
    """Find and print the changes that leave simple statistics of (N, C, S, S) uint8 unchanged.

    A changed half of the images is compared with the other half by means, squares, products of
    neighbours and of coarse means. The distance is the mean over all ways to halve BLOCKS blocks.
    A change is accepted if unchanged halves reach this distance too.
    """
    random = np.random.default_rng(derive_seed(seed, "train/symmetries"))
    chosen = random.permutation(len(images))[:LOOKED_AT]
    grey = torch.from_numpy(images[chosen]).float().div_(127.5).sub_(1.0).mean(1)
    unchanged = _describe(grey)
    most = float(_compare(unchanged, unchanged).max())

    def holds(index: torch.Tensor) -> bool:
        changed = _describe(grey.flatten(1)[:, index].view_as(grey))
        return float(_compare(unchanged, changed).mean()) <= most

    side = grey.shape[-1]
    moves = tuple(number for number in range(1, 8) if holds(move_index(number, side)))
    shifts = (
        shift
        for shift in SHIFTS
        if all(holds(shift_index(*by, side)) for by in ((shift, 0), (0, shift)))
    )
    found = Symmetries(moves, next(shifts, 0))
    words = [MOVES[number] for number in moves]
    words += [f"shifts by up to {found.shift} px"] if found.shift else []
    log(
        "train",
        f"augmentation: {', '.join(words) or 'none'} "
        f"(all that leaves the statistics of {len(grey):,} images as they are)",
    )
    return found


def move_index(number: int, side: int) -> torch.Tensor:
    """A number in MOVES -> (S S,) raster number from which each pixel comes."""
    grid = torch.arange(side * side).view(side, side)
    grid = torch.rot90(grid, number % 4)
    return (grid.flip(1) if number >= 4 else grid).flatten()


def shift_index(down: int, right: int, side: int) -> torch.Tensor:
    """A shift down and right, around the edge -> (S S,) raster numbers, as move_index."""
    return torch.arange(side * side).view(side, side).roll((down, right), (0, 1)).flatten()


class Mover:
    """Draws changes; its table is on the device, so that no step waits for the host."""

    def __init__(self, symmetries: Symmetries, side: int, device: torch.device) -> None:
        self._side, self._shift = side, symmetries.shift
        indices = [move_index(number, side) for number in (0, *symmetries.moves)]
        self._table = torch.stack(indices).to(device)

    def draw_places(self, count: int, chance: float, random: torch.Generator) -> torch.Tensor:
        """Draw (count, S S) raster numbers from which pixels come; each kind has that chance."""
        device, moves = self._table.device, len(self._table) - 1
        yes = torch.rand((2, count, 1), generator=random, device=device) < chance
        which = torch.zeros((count, 1), dtype=torch.int64, device=device)
        if moves:
            which = torch.randint(1, moves + 1, (count, 1), generator=random, device=device)
        places = self._table[(which * yes[0])[:, 0]]
        if not self._shift:
            return places
        far = (-self._shift, self._shift + 1)
        by = torch.randint(*far, (2, count, 1), generator=random, device=device) * yes[1]
        raster, side = self._table[:1], self._side
        rows, columns = (raster // side - by[0]) % side, (raster % side - by[1]) % side
        return places.gather(1, rows * side + columns)


def move_pixels(images: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(B, C, S, S), (B, S S) -> the images with their pixels moved; differentiable."""
    indices = places[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, indices).view_as(images)


def _compare(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Two (BLOCKS, D) -> squared distances of half the blocks of `one` to the rest of `other`."""
    halves = list(combinations(range(len(one)), len(one) // 2))
    picked = torch.zeros(len(halves), len(one))
    for row, half in zip(picked, halves, strict=True):
        row[list(half)] = 1.0
    first = picked @ one / picked.sum(1, keepdim=True)
    rest = (1.0 - picked) @ other / (1.0 - picked).sum(1, keepdim=True)
    return (first - rest).square().sum(1)


def _describe(grey: torch.Tensor) -> torch.Tensor:
    """(N, S, S) -> (BLOCKS, D) moments of each block of the images."""
    return torch.stack([_describe_block(block) for block in grey.tensor_split(BLOCKS)])


def _describe_block(grey: torch.Tensor) -> torch.Tensor:
    """(N, S, S) -> (D,): moments of pixels, of neighbours and of an 8x8 reduction."""
    coarse = F.adaptive_avg_pool2d(grey[:, None], 8).flatten(1)
    moments = [
        grey.mean(0),
        grey.square().mean(0),
        (grey[:, :, 1:] * grey[:, :, :-1]).mean(0),
        (grey[:, 1:] * grey[:, :-1]).mean(0),
        (grey[:, 1:, 1:] * grey[:, :-1, :-1]).mean(0),
        (grey[:, 1:, :-1] * grey[:, :-1, 1:]).mean(0),
        coarse.T @ coarse / len(coarse),
    ]
    return torch.cat([moment.flatten() for moment in moments])
