"""A pool's features and a subset of its rows -> the subset's spectrum, each row's change of FID.

The notation is that of exchange.py. M, the covariance of the subset's z, is decomposed in the
smaller of its n x n and r x r forms. Directions that the subset does not reach have eigenvalue
zero.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lib.kernel.curation.exchange import (
    Exchange,
    Nodes,
    Tableau,
    pair_changes,
    place_nodes,
    single_changes,
)
from lib.kernel.metrics.fid import Statistics

Tensor = torch.Tensor

_ROWS_AT_ONCE = 2048  # bounds the float64 copies
_EMPTY = 1e-13  # of the largest eigenvalue: rounding errors of eigh lie below
_RESOLVED = 1e-12  # of the largest: the roots of smaller eigenvalues hardly count
_ROOM = 4  # by exchanges the smallest eigenvalue may become so many times smaller


@dataclass(frozen=True)
class Frame:
    """A pool about the real mean: y (N, D) and z = L^T y (N, r), L = U diag(roots), L L^T = S_r."""

    y: Tensor
    z: Tensor
    roots: Tensor  # (r,) of the eigenvalues of S_r, descending
    reach: float  # largest |z|^2 of the pool

    @property
    def real_variance(self) -> float:
        """Trace of S_r."""
        return float((self.roots**2).sum())


@dataclass(frozen=True)
class Subset:
    """Rows, their FID, means (D,) and (r,), and the k eigenvalues of M that count.

    The coordinates come from the decomposition. Computed from z, the smallest ones would lose half
    of their digits.
    """

    rows: Tensor  # (n,) row numbers of the frame
    size: int
    fid: float
    mean: Tensor
    z_mean: Tensor
    values: Tensor  # (k,) ascending
    vectors: Tensor  # (r, k) eigenvectors of M
    coordinates: Tensor  # (n, k) eigenvectors of G, a row for each of `rows`


def make_frame(pool: NDArray[np.floating], real: Statistics, device: torch.device) -> Frame:
    """(N, D) float, real Statistics -> Frame of the pool's own precision, computed in float64."""
    factor = torch.from_numpy(real.factor[:, ::-1].copy()).to(device)
    mean = torch.from_numpy(real.mean).to(device)
    kind = torch.float64 if pool.dtype == np.float64 else torch.float32
    y = torch.empty(len(pool), factor.shape[0], dtype=kind, device=device)
    z = torch.empty(len(pool), factor.shape[1], dtype=kind, device=device)
    reach = 0.0
    for start in range(0, len(pool), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        part = torch.from_numpy(pool[rows].astype(np.float64)).to(device) - mean
        scaled = part @ factor
        y[rows], z[rows] = part, scaled
        reach = max(reach, float((scaled**2).sum(1).max()))
    return Frame(y, z, torch.linalg.vector_norm(factor, dim=0), reach)


def cut_frame(frame: Frame, width: int, rows: Tensor) -> Frame:
    """A Frame, row numbers (R,) -> those rows in the `width` leading directions of S_r alone."""
    z, roots = frame.z[rows, :width].double(), frame.roots[:width]
    reach = float((z**2).sum(1).max()) if z.numel() else 0.0
    return Frame(z / roots, z, roots, reach)


def decompose_subset(frame: Frame, rows: Tensor) -> Subset:
    """A Frame, row numbers (n,) -> Subset; its FID is the one of fid.py."""
    size = len(rows)
    y, z = frame.y[rows].double(), frame.z[rows].double()
    mean, z_mean = y.mean(0), z.mean(0)
    variance = float(((y - mean) ** 2).sum()) / (size - 1)
    z = (z - z_mean) / math.sqrt(size - 1)
    if size <= z.shape[1]:
        values, vectors = torch.linalg.eigh(z @ z.T)
        kept = values > _EMPTY * values[-1:]
        values, coordinates = values[kept], vectors[:, kept]
        vectors = (z.T @ coordinates) / values.sqrt()
    else:
        values, vectors = torch.linalg.eigh(z.T @ z)
        kept = values > _EMPTY * values[-1:]
        values, vectors = values[kept], vectors[:, kept]
        coordinates = (z @ vectors) / values.sqrt()
    fixed = float((mean**2).sum()) + variance + frame.real_variance
    fid = fixed - 2 * float(values.sqrt().sum())
    return Subset(rows, size, fid, mean, z_mean, values, vectors, coordinates)


def span_nodes(frame: Frame, subset: Subset, count: int) -> Nodes:
    """A Frame, a Subset, how many -> Nodes for its spectrum before and after any exchange."""
    largest = float(subset.values[-1]) if len(subset.values) else 0.0
    highest = 2 * largest + 4 * frame.reach / (subset.size - 1) or 1.0
    lowest = float(subset.values[0]) / _ROOM if len(subset.values) else 0.0
    return place_nodes(max(lowest, _RESOLVED * highest), highest, count, frame.z.device)


def score_rows(frame: Frame, subset: Subset, rows: Tensor, nodes: Nodes, sign: float) -> Tensor:
    """Row numbers (R,) -> change of FID (R,) by adding (sign 1) or dropping (-1) that row alone."""
    difference = subset.mean  # mu_f - mu_r
    resolvent = 1 / (subset.values[:, None] + nodes.squares)
    parts = []
    for part in rows.split(_ROWS_AT_ONCE):
        y = frame.y[part].double() - subset.mean
        z = (frame.z[part].double() - subset.z_mean) / math.sqrt(subset.size - 1)
        inside = (z @ subset.vectors) ** 2
        beyond = ((z**2).sum(1) - inside.sum(1)).clamp(min=0)
        products = inside @ resolvent + beyond[:, None] / nodes.squares
        squares, slopes = (y**2).sum(1), y @ difference
        parts.append(single_changes(squares, slopes, products, nodes.weights, subset.size, sign))
    return torch.cat(parts)


def open_exchange(
    frame: Frame, subset: Subset, adds: Tensor, drops: Tensor, nodes: Nodes
) -> Exchange:
    """Row numbers (A,) outside and (B,) inside -> Exchange of pairs of them."""
    others, members = _project(frame, subset, adds), _look_up(frame, subset, drops)
    corner = torch.eye(len(adds)).to(others.inside) + 1 / subset.size
    beyond = others.beyond @ others.beyond.T
    part = others.inside
    top = torch.stack(
        [t * ((part / (subset.values + t)) @ part.T + corner) + beyond for t in nodes.squares]
    )
    cross = _cross(subset, others, members, nodes)
    bottom = torch.stack(
        [(members.coordinates / (subset.values + t)) @ members.coordinates.T for t in nodes.squares]
    )
    if len(subset.values) < subset.size - 1:
        bottom += _null_products(subset, members) / nodes.squares[:, None, None]
    start = torch.cat(
        [torch.cat([top, cross], 2), torch.cat([cross.transpose(1, 2), -bottom], 2)], 1
    )
    y = torch.cat([others.y, members.y])
    return Exchange(start, y @ y.T, y @ subset.mean, nodes.weights, subset.size, len(adds))


def score_pairs(frame: Frame, subset: Subset, adds: Tensor, drops: Tensor, nodes: Nodes) -> Tensor:
    """Row numbers (A,) outside and (B,) inside -> exact changes of FID (A, B) of their exchange."""
    others, members = _project(frame, subset, adds), _look_up(frame, subset, drops)
    squares = nodes.squares
    resolvent = 1 / (subset.values[:, None] + squares)
    top = (others.inside**2 @ resolvent + 1 + 1 / subset.size) * squares
    top += (others.beyond**2).sum(1)[:, None]
    bottom = members.coordinates**2 @ resolvent
    if len(subset.values) < subset.size - 1:
        bottom += _null_products(subset, members).diagonal()[:, None] / squares
    radii = (others.y**2).sum(1)[:, None], (members.y**2).sum(1)
    tableau = Tableau(
        top.T[:, :, None],
        bottom.T[:, None],
        _cross(subset, others, members, nodes),
        radii[0] + radii[1] - 2 * others.y @ members.y.T,
        radii,
        ((others.y @ subset.mean)[:, None], members.y @ subset.mean),
    )
    return pair_changes(tableau, nodes.weights, subset.size)


@dataclass(frozen=True)
class _Others:
    """Rows outside the subset, about its mean."""

    y: Tensor  # (A, D)
    inside: Tensor  # (A, k) coordinates of z in M's range
    beyond: Tensor  # (A, r) what of z is outside that range


@dataclass(frozen=True)
class _Members:
    """Rows of the subset, about its mean."""

    y: Tensor  # (B, D)
    coordinates: Tensor  # (B, k)


def _project(frame: Frame, subset: Subset, rows: Tensor) -> _Others:
    z = (frame.z[rows].double() - subset.z_mean) / math.sqrt(subset.size - 1)
    inside = z @ subset.vectors
    return _Others(frame.y[rows].double() - subset.mean, inside, z - inside @ subset.vectors.T)


def _look_up(frame: Frame, subset: Subset, rows: Tensor) -> _Members:
    known = subset.rows.sort()
    places = known.indices[torch.searchsorted(known.values, rows)]
    return _Members(frame.y[rows].double() - subset.mean, subset.coordinates[places])


def _cross(subset: Subset, others: _Others, members: _Members, nodes: Nodes) -> Tensor:
    """Others (A,), members (B,) -> Q (T, A, B)."""
    scaled = others.inside * subset.values.sqrt()
    return torch.stack(
        [
            (scaled / (subset.values + t)) @ members.coordinates.T + 1 / subset.size
            for t in nodes.squares
        ]
    )


def _null_products(subset: Subset, members: _Members) -> Tensor:
    """Members (B,) -> products (B, B) of their parts in G's null space, but for that along 1."""
    identity = torch.eye(len(members.y)).to(members.y)
    return identity - 1 / subset.size - members.coordinates @ members.coordinates.T
