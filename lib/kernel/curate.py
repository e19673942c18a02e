"""Features of a pool of images -> the row numbers of a subset of small FID.

The images stay what the generator made; only which of them are submitted is chosen. From a random
subset, rounds of exchanges: decompose the subset's covariance, score every member and some of the
rest, take the best of both sides to a shortlist, exchange its best pair until the gains fall off.
Every gain is exact (curate_exchange.py), so nothing here depends on the scale of the features or
on how steep their spectrum is. The leading directions alone come first: in the features of simple
images they hold nearly all of the variance, and there a round costs next to nothing.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lib.kernel.curate_spectrum import (
    Frame,
    Subset,
    cut_frame,
    decompose_subset,
    make_frame,
    open_exchange,
    score_rows,
    span_nodes,
)
from lib.kernel.errors import InputError
from lib.kernel.fid import Statistics, check_features, frechet_distance
from lib.kernel.progress import Progress, log
from lib.kernel.seeds import derive_seed

Tensor = torch.Tensor

DEFAULT_ROUNDS = 60
_COARSE = 32  # leading directions of S_r
_COARSE_ROUNDS = 10
_NODES = 12  # of the quadrature: the error of a gain is some 1e-4 of it
_CANDIDATES = 5000  # rows outside that a round looks at, others each time
_SHORTLIST = 256  # of either side
_PAIRED = 64  # best of either side of the shortlist, paired at each step
_STALE = 0.2  # of the round's first gain: below it a new shortlist finds better pairs
_LEAST_GAIN = 1e-8  # of the FID
_FRUITLESS = 3  # rounds without an exchange, after which the search is over


@dataclass(frozen=True)
class Curation:
    """The chosen rows and how they were found."""

    chosen: NDArray[np.int64]  # (count,) distinct, ascending
    fid_before: float  # of the random subset that the search began with
    fid_after: float
    trace: tuple[tuple[int, float, float], ...]  # round, FID, seconds since the start
    stopped: str  # why


def choose_subset(
    pool: NDArray[np.floating], real: Statistics, count: int, seed: int,
    rounds: int = DEFAULT_ROUNDS, seconds: float = 120.0, device: torch.device | None = None,
) -> Curation:  # fmt: skip
    """(N, D) float features, real Statistics, n -> Curation, of n rows no worse than a random draw.

    The same seed and rounds choose the same rows on the same machine; `seconds` is a guard that
    says so when it ends the search. Needs 10 bytes for each value of the pool.
    """
    check_features(pool, "the pool's features", real.mean.size)
    _check_count(count, len(pool))
    rng = np.random.default_rng(derive_seed(seed, "curate"))
    start = np.sort(rng.permutation(len(pool))[:count]).astype(np.int64)
    before = frechet_distance(pool[start], real)
    if count == len(pool):
        return Curation(start, before, before, ((0, before, 0.0),), "the pool is the subset")
    frame = make_frame(pool, real, device or torch.device("cpu"))
    search = _Search(frame, torch.from_numpy(start).to(frame.z.device), seed, seconds)
    search.run_coarse()
    stopped = search.run(rounds)
    chosen = search.rows.sort().values.cpu().numpy()
    after = frechet_distance(pool[chosen], real)
    if after > before:
        return Curation(start, before, before, tuple(search.trace), "no better than at random")
    log("curate", f"FID {before:.6g} -> {after:.6g} in {len(search.trace) - 1} rounds: {stopped}")
    return Curation(chosen, before, after, tuple(search.trace), stopped)


class _Search:
    """A Frame and a start -> better and better rows of it."""

    def __init__(self, frame: Frame, rows: Tensor, seed: int, seconds: float) -> None:
        self._frame = frame
        self._seed = seed
        self._started = time.monotonic()
        self._seconds = seconds
        self._draws = 0
        self.rows = rows
        self._subset = decompose_subset(frame, rows)
        self.trace = [(0, self._subset.fid, 0.0)]

    def run_coarse(self) -> None:
        """Exchanges that lower the FID of the leading directions, kept if the whole's falls."""
        width = self._frame.z.shape[1]
        if width <= _COARSE:
            return
        frame, rows = cut_frame(self._frame, _COARSE), self.rows
        subset = decompose_subset(frame, rows)
        for _ in range(_COARSE_ROUNDS):
            rows, subset = self._improve(frame, rows, subset)
        whole = decompose_subset(self._frame, rows)
        if whole.fid < self._subset.fid:
            self.rows, self._subset = rows, whole
            self.trace.append((0, whole.fid, time.monotonic() - self._started))

    def run(self, rounds: int) -> str:
        """How many rounds at most -> why the search ended."""
        progress = Progress("curate", rounds, "rounds")
        fruitless = 0
        for number in range(1, rounds + 1):
            rows, subset = self._improve(self._frame, self.rows, self._subset)
            fruitless = fruitless + 1 if subset is self._subset else 0
            self.rows, self._subset = rows, subset
            self.trace.append((number, subset.fid, time.monotonic() - self._started))
            progress.update(number, f"FID {subset.fid:.6g}")
            if fruitless == _FRUITLESS:
                return f"{_FRUITLESS} rounds found no better exchange"
            if time.monotonic() - self._started > self._seconds:
                log("curate", f"the clock ends the search after {number} of {rounds} rounds")
                return f"the clock, after {number} of {rounds} rounds"
        return f"all {rounds} rounds done"

    def _improve(self, frame: Frame, rows: Tensor, subset: Subset) -> tuple[Tensor, Subset]:
        """Rows (n,) and their Subset -> those after one round, or the same if nothing helps."""
        adds, drops = self._make_shortlist(frame, rows, subset)
        nodes = span_nodes(frame, subset, _NODES)
        most = min(len(adds), len(drops))
        exchange = open_exchange(frame, subset, adds, drops, nodes, most)
        least = _LEAST_GAIN * abs(subset.fid)
        for _ in range(most):
            change, b, a = exchange.find_best(_PAIRED)
            if change > -least:
                break
            exchange.swap(b, a)
            least = max(least, -_STALE * change) if len(exchange.added) == 1 else least
        taken = len(exchange.added)
        while taken:
            gone = drops[torch.tensor(exchange.dropped[:taken]) - len(adds)]
            new = torch.cat([rows[~torch.isin(rows, gone)], adds[exchange.added[:taken]]])
            after = decompose_subset(frame, new)
            if after.fid < subset.fid:
                return new, after
            taken //= 2
        return rows, subset

    def _make_shortlist(self, frame: Frame, rows: Tensor, subset: Subset) -> tuple[Tensor, Tensor]:
        """Rows (n,) and their Subset -> the rows outside and inside that promise most."""
        nodes = span_nodes(frame, subset, _NODES)
        free = torch.ones(len(frame.z), dtype=torch.bool, device=rows.device)
        free[rows] = False
        outside = free.nonzero()[:, 0]
        draw = torch.Generator().manual_seed(derive_seed(self._seed, "curate-round", self._draws))
        self._draws += 1
        order = torch.randperm(len(outside), generator=draw)[:_CANDIDATES]
        outside = outside[order.to(rows.device)]
        gains = score_rows(frame, subset, outside, nodes, 1.0)
        losses = score_rows(frame, subset, rows, nodes, -1.0)
        adds = outside[gains.argsort(stable=True)[:_SHORTLIST]]
        return adds, rows[losses.argsort(stable=True)[:_SHORTLIST]]


def _check_count(count: int, pool: int) -> None:
    if not 2 <= count <= pool:
        raise InputError(
            "curate",
            "the pool does not hold so many rows to choose",
            expected=f"2 to {pool}",
            got=str(count),
            cure="draw a larger pool or choose fewer",
        )
