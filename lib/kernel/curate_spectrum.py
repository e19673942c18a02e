"""A pool's features and a subset of its rows -> the subset's spectrum and what each row would do.

Notation: curate_exchange.py. M, the covariance of the subset's z, is decomposed by the smaller of
its n x n and r x r forms; directions that the subset does not reach count with eigenvalue zero.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lib.kernel.curate_exchange import Exchange, Nodes, pair_changes, place_nodes, single_changes
from lib.kernel.fid import Statistics

Tensor = torch.Tensor

_ROWS_AT_ONCE = 2048  # bounds the float64 copies
_EMPTY = 1e-13  # of the largest eigenvalue: rounding errors of eigh lie below
_RESOLVED = 1e-10  # of the largest: the roots of smaller eigenvalues hardly count


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
    """A subset's FID, its means (D,) and (r,), the k eigenvalues of M that count, their vectors."""

    size: int
    fid: float
    mean: Tensor
    z_mean: Tensor
    values: Tensor  # (k,) ascending
    vectors: Tensor  # (r, k)


def make_frame(pool: NDArray[np.floating], real: Statistics, device: torch.device) -> Frame:
    """(N, D) float, real Statistics -> Frame of the pool's own precision, computed in float64."""
    factor = torch.from_numpy(np.ascontiguousarray(real.factor[:, ::-1])).to(device)
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
    """A Frame, row numbers (n,) -> Subset; the FID is fid.py's, by the same decomposition."""
    size = len(rows)
    y, z = frame.y[rows].double(), frame.z[rows].double()
    mean, z_mean = y.mean(0), z.mean(0)
    variance = float(((y - mean) ** 2).sum()) / (size - 1)
    z = (z - z_mean) / math.sqrt(size - 1)
    if size <= z.shape[1]:
        values, vectors = torch.linalg.eigh(z @ z.T)
        kept = values > _EMPTY * values[-1:]
        vectors = (z.T @ vectors[:, kept]) / values[kept].sqrt()
    else:
        values, vectors = torch.linalg.eigh(z.T @ z)
        kept = values > _EMPTY * values[-1:]
        vectors = vectors[:, kept]
    fixed = float((mean**2).sum()) + variance + frame.real_variance
    fid = fixed - 2 * float(values.clamp(min=0).sqrt().sum())
    return Subset(size, fid, mean, z_mean, values[kept], vectors)


def span_nodes(frame: Frame, subset: Subset, count: int) -> Nodes:
    """A Frame, a Subset, how many -> Nodes for its spectrum before and after any exchange."""
    largest = float(subset.values[-1]) if len(subset.values) else 0.0
    highest = 2 * largest + 4 * frame.reach / (subset.size - 1) or 1.0
    lowest = float(subset.values[0]) / 2 if len(subset.values) else 0.0
    return place_nodes(max(lowest, _RESOLVED * highest), highest, count, frame.z.device)


def score_rows(frame: Frame, subset: Subset, rows: Tensor, nodes: Nodes, sign: float) -> Tensor:
    """Row numbers (R,) -> change of FID (R,) were the row alone added (sign 1) or dropped (-1)."""
    difference = subset.mean  # mu_f - mu_r
    resolvent = 1 / (subset.values[:, None] + nodes.squares)
    parts = []
    for part in rows.split(_ROWS_AT_ONCE):
        y, z = _about_mean(frame, subset, part)
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
    y, z = _about_mean(frame, subset, torch.cat([adds, drops]))
    inside = z @ subset.vectors
    beyond = z - inside @ subset.vectors.T
    gram = beyond @ beyond.T
    products = torch.stack(
        [(inside / (subset.values + t)) @ inside.T + gram / t for t in nodes.squares]
    )
    return Exchange(y, products, y @ subset.mean, nodes, subset.size, len(adds))


def score_pairs(frame: Frame, subset: Subset, adds: Tensor, drops: Tensor, nodes: Nodes) -> Tensor:
    """Row numbers (A,) outside and (B,) inside -> exact changes of FID (A, B) of their exchange."""
    y_b, z_b = _about_mean(frame, subset, adds)
    y_a, z_a = _about_mean(frame, subset, drops)
    in_b, in_a = z_b @ subset.vectors, z_a @ subset.vectors
    out_b, out_a = z_b - in_b @ subset.vectors.T, z_a - in_a @ subset.vectors.T
    weights = 1 / (subset.values[:, None] + nodes.squares)
    square_b = (in_b**2) @ weights + (out_b**2).sum(1)[:, None] / nodes.squares
    square_a = (in_a**2) @ weights + (out_a**2).sum(1)[:, None] / nodes.squares
    out = out_b @ out_a.T
    products = torch.stack(
        [(in_b * weights[:, q]) @ in_a.T + out / t for q, t in enumerate(nodes.squares)]
    )
    slope_b, slope_a = y_b @ subset.mean, y_a @ subset.mean
    return pair_changes(
        (square_b.T[:, :, None], square_a.T[:, None]),
        products,
        ((y_b**2).sum(1)[:, None], (y_a**2).sum(1)),
        y_b @ y_a.T,
        slope_b[:, None] - slope_a,
        nodes.weights,
        subset.size,
    )


def _about_mean(frame: Frame, subset: Subset, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Row numbers (R,) -> y (R, D) and z / sqrt(n - 1) (R, r) about the subset's mean, float64."""
    y = frame.y[rows].double() - subset.mean
    z = (frame.z[rows].double() - subset.z_mean) / math.sqrt(subset.size - 1)
    return y, z
