"""Features of a pool of images -> the row numbers of a subset of small FID.

The images stay what the generator made; only which of them are submitted is chosen. The search
begins with a random subset and goes by rounds. A round decomposes the subset's covariance, scores
every member and some of the other rows, and takes the best of both to a shortlist. Then it
exchanges the shortlist's best pair, again and again, until the gains fall off. Every gain is exact
(exchange.py), so the search depends neither on the scale of the features nor on how steep their
spectrum is. The first rounds look at the leading directions alone. In the features of simple images
these hold nearly all of the variance, and such a round costs next to nothing.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lib.base.errors import InputError
from lib.base.log import Progress, log
from lib.base.seeds import derive_seed
from lib.kernel.curation.exchange import Nodes
from lib.kernel.curation.spectrum import (
    Frame,
    Subset,
    cut_frame,
    decompose_subset,
    make_frame,
    open_exchange,
    score_pairs,
    score_rows,
    span_nodes,
)
from lib.kernel.metrics.fid import Statistics, check_features, frechet_distance

Tensor = torch.Tensor

DEFAULT_ROUNDS = 20
_COARSE = 32  # leading directions in which the rows of a shortlist are paired
_LEVELS = ((32, 3), (256, 5))  # leading directions of S_r, and rounds in them alone
_NODES = (12, 40)  # of the quadrature, first and most
_MORE_NODES = 4  # added when a round's gain came out otherwise than computed
_TRUSTED = 0.05  # of the gain: a larger error asks for more nodes
_CANDIDATES = 5000  # rows outside the subset that a round looks at, others in each round
_SHORTLIST = 256  # of either side, whose pairs are exchanged
_PAIRED = 512  # of either side, whose pairs are computed in the leading directions
_STALE = 0.1  # of the round's first gain: below it a new shortlist finds better pairs
_LEAST_GAIN = 1e-8  # of the FID
_FRUITLESS = 3  # rounds without an exchange, after which the search is over


@dataclass(frozen=True)
class Curation:
    """The chosen rows and how they were found."""

    chosen: NDArray[np.int64]  # (count,) distinct, ascending
    fid_before: float  # of the random subset that the search began with
    fid_after: float
    trace: tuple[tuple[int, float, float], ...]  # round, FID, seconds since the start
    stopped: str  # why the search ended


def choose_subset(
    pool: NDArray[np.floating], real: Statistics, count: int, seed: int,
    rounds: int = DEFAULT_ROUNDS, seconds: float = 120.0, device: torch.device | None = None,
) -> Curation:  # fmt: skip
    """(N, D) float features, real Statistics, n -> Curation of n rows, no worse than a random draw.

    The same seed and rounds choose the same rows on the same machine. `seconds` is a guard; the log
    tells when it ends the search. Memory: 8 bytes for each value of the pool, and 2 GB.
    """
    started = time.monotonic()
    check_features(pool, "the pool's features", real.mean.size)
    _check_count(count, len(pool))
    rng = np.random.default_rng(derive_seed(seed, "curate"))
    start = np.sort(rng.permutation(len(pool))[:count]).astype(np.int64)
    before = frechet_distance(pool[start], real)
    if count == len(pool) or not rounds:
        why = "no round was asked for" if count < len(pool) else "the subset is the pool"
        return Curation(start, before, before, ((0, before, 0.0),), why)
    frame = make_frame(pool, real, device or torch.device("cpu"))
    search = _Search(frame, torch.from_numpy(start).to(frame.z.device), seed, started, seconds)
    stopped = search.run(rounds)
    chosen = search.rows.sort().values.cpu().numpy()
    after = frechet_distance(pool[chosen], real)
    if after > before:
        return Curation(start, before, before, tuple(search.trace), "no better than at random")
    log("curate", f"FID {before:.6g} -> {after:.6g} in {search.trace[-1][0]} rounds: {stopped}")
    return Curation(chosen, before, after, tuple(search.trace), stopped)


class _Search:
    """A Frame and a start -> better and better rows of it."""

    def __init__(
        self, frame: Frame, rows: Tensor, seed: int, started: float, seconds: float
    ) -> None:
        self._frame = frame
        self._seed = seed
        self._started = started
        self._seconds = seconds
        self._draws = 0
        self._nodes = _NODES[0]
        self._fruitless = 0
        self._round = 0
        self.rows = rows
        self._subset = decompose_subset(frame, rows)
        self.trace: list[tuple[int, float, float]] = []
        self._note()

    def run(self, rounds: int) -> str:
        """Search in a few directions, then for `rounds` at most in all; say why it ended."""
        levels = [pair for pair in _LEVELS if pair[0] < self._frame.z.shape[1]]
        progress = Progress("curate", rounds + sum(count for _, count in levels), "rounds")
        for level, count in levels:
            self._run_level(level, count)
            progress.update(self._round, f"FID {self._subset.fid:.6g}")
        for done in range(rounds):
            if time.monotonic() - self._started > self._seconds:
                log("curate", f"the clock ends the search after {done} of {rounds} rounds")
                return f"the clock, after {done} of {rounds} rounds"
            self.rows, self._subset = self._improve(self._frame, self.rows, self._subset)
            self._note()
            progress.update(self._round, f"FID {self._subset.fid:.6g}")
            if self._fruitless == _FRUITLESS:
                return f"{_FRUITLESS} rounds found no better exchange"
        return f"all {rounds} rounds done"

    def _run_level(self, level: int, rounds: int) -> None:
        """Search in the leading directions alone, and keep the rows if the whole FID falls."""
        every = torch.arange(len(self._frame.z), device=self.rows.device)
        frame, rows = cut_frame(self._frame, level, every), self.rows
        subset = decompose_subset(frame, rows)
        for _ in range(rounds):
            if time.monotonic() - self._started < self._seconds:
                rows, subset = self._improve(frame, rows, subset)
        whole = decompose_subset(self._frame, rows)
        if whole.fid < self._subset.fid:
            self.rows, self._subset = rows, whole
        self._note()
        self._fruitless = 0

    def _note(self) -> None:
        self.trace.append((self._round, self._subset.fid, time.monotonic() - self._started))

    def _improve(self, frame: Frame, rows: Tensor, subset: Subset) -> tuple[Tensor, Subset]:
        """Rows (n,) and their Subset -> those after one round, or the same if nothing helps."""
        self._round += 1
        nodes = span_nodes(frame, subset, self._nodes)
        adds, drops = self._make_shortlist(frame, rows, subset, nodes)
        exchange = open_exchange(frame, subset, adds, drops, nodes)
        least, expected = _LEAST_GAIN * abs(subset.fid), 0.0
        for _ in range(exchange.most):
            change, b, a = exchange.find_best()
            if change > -least:
                break
            exchange.swap(b, a)
            expected += change
            least = max(least, -_STALE * change) if len(exchange.added) == 1 else least
        taken = len(exchange.added)
        while taken:
            gone = drops[exchange.dropped[:taken]]
            new = torch.cat([rows[~torch.isin(rows, gone)], adds[exchange.added[:taken]]])
            after = decompose_subset(frame, new)
            if taken == len(exchange.added):
                self._check_nodes(expected, after.fid - subset.fid)
            if after.fid < subset.fid:
                self._fruitless = 0
                return new, after
            taken //= 2
        self._fruitless += 1
        return rows, subset

    def _check_nodes(self, expected: float, measured: float) -> None:
        """Add nodes where a round's measured change of FID differs from the computed one."""
        if abs(expected - measured) > -_TRUSTED * expected and self._nodes < _NODES[1]:
            self._nodes += _MORE_NODES

    def _make_shortlist(
        self, frame: Frame, rows: Tensor, subset: Subset, nodes: Nodes
    ) -> tuple[Tensor, Tensor]:
        """Rows (n,) and their Subset -> the most promising rows outside, and those inside.

        Two rows interact mainly through the leading directions. So every pair is computed in these,
        and either row's own change of FID in the other directions is added.
        """
        free = torch.ones(len(frame.z), dtype=torch.bool, device=rows.device)
        free[rows] = False
        outside = self._shuffle(free.nonzero()[:, 0])[:_CANDIDATES]
        inside = self._shuffle(rows)
        if self._fruitless:  # scores find nothing better now, but pairs at random may
            return outside[:_SHORTLIST], inside[:_SHORTLIST]
        coarse = cut_frame(frame, _COARSE, torch.cat([inside, outside]))
        size = len(inside)
        members = torch.arange(size, device=rows.device)
        others = torch.arange(size, size + len(outside), device=rows.device)
        part = decompose_subset(coarse, members)
        coarse_nodes = span_nodes(coarse, part, self._nodes)
        gains = score_rows(frame, subset, outside, nodes, 1.0)
        gains -= score_rows(coarse, part, others, coarse_nodes, 1.0)
        losses = score_rows(frame, subset, inside, nodes, -1.0)
        losses -= score_rows(coarse, part, members, coarse_nodes, -1.0)
        some_b = gains.argsort(stable=True)[:_PAIRED]
        some_a = losses.argsort(stable=True)[:_PAIRED]
        changes = score_pairs(coarse, part, others[some_b], members[some_a], coarse_nodes)
        changes += gains[some_b, None] + losses[some_a]
        best_b = changes.amin(1).argsort(stable=True)[:_SHORTLIST]
        best_a = changes.amin(0).argsort(stable=True)[:_SHORTLIST]
        return outside[some_b[best_b]], inside[some_a[best_a]]

    def _shuffle(self, rows: Tensor) -> Tensor:
        draw = torch.Generator().manual_seed(derive_seed(self._seed, "curate-draw", self._draws))
        self._draws += 1
        return rows[torch.randperm(len(rows), generator=draw).to(rows.device)]


def _check_count(count: int, pool: int) -> None:
    if not 2 <= count <= pool:
        raise InputError(
            "curate",
            "the pool does not hold so many rows to choose",
            expected=f"2 to {pool}",
            got=str(count),
            cure="draw a larger pool or choose fewer",
        )
