"""A subset and a shortlist of rows -> the exact change of FID of every exchange of one pair.

Notation, here and in spectrum.py: y = x - mu_r is a feature vector about the real mean, and
z = L^T y / sqrt(n - 1) with L L^T = S_r. M is the scatter of the subset's n vectors z about their
mean, so Tr (S_f S_r)^(1/2) = Tr M^(1/2). For any change of M, within its rank or beyond,

    Tr M'^(1/2) - Tr M^(1/2) = (1/pi) int_0^inf log(det(M' + t^2) / det(M + t^2)) dt.

G holds the subset's products z_i . z_j. The determinant is that of the bordered matrix
B = [[G + t^2 I, 1], [1^T, 0]], times a power of t that no exchange changes. The border takes the
mean out. To exchange members for others is then to exchange pivots of the tableau

    S = [[-P, Q], [Q^T, R]],  P = B^-1,  Q = B^-1 C,  R = C0 - C^T B^-1 C

whose blocks are members and others. C holds the products of the others with members and border. C0
holds those of the others among themselves, t^2 added on the diagonal. Bringing row b in for row a
multiplies the determinant by R_bb P_aa + Q_ab^2. S becomes S - S_U (S_UU)^-1 S_U^T with U = {b, a}.

None of these numbers is a small difference of large ones, even where t^2 is far below the spectrum.
The formulation by (M + t^2)^-1 and rank-two updates lost all digits there after ten exchanges.
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import ellipj, ellipkm1

Tensor = torch.Tensor

_LOOK_AT_ALL = 16  # steps between two looks at all pairs of the shortlist
_LOOK_AT = 4096  # pairs computed again at each step


@dataclass(frozen=True)
class Nodes:
    """Nodes t^2 (T,) and weights (T,): sum of weights * f(t) = (1/pi) int_0^inf f(t) dt."""

    squares: Tensor
    weights: Tensor


def place_nodes(lowest: float, highest: float, count: int, device: torch.device) -> Nodes:
    """The range of M's eigenvalues, 0 < lowest < highest -> Nodes for functions of M + t^2.

    Hale, Higham, Trefethen (SIAM J. Numer. Anal. 46, 2008), method 3: t = sqrt(lowest) sn / cn at
    midpoints; the error falls as exp(-2 pi^2 count / (log(highest / lowest) + 3)). Nodes above
    the geometric mean are the mirror images of those below, where cn does not cancel.
    """
    ratio = lowest / highest
    period = ellipkm1(ratio)
    half = torch.arange((count + 1) // 2, dtype=torch.float64)
    sn, cn, dn, _ = ellipj(((half + 0.5) * period / count).numpy(), 1 - ratio)
    t = torch.from_numpy(math.sqrt(lowest) * sn / cn)
    step = torch.from_numpy(math.sqrt(lowest) * dn / cn**2 * period / (count * math.pi))
    mirror = math.sqrt(lowest * highest) / t[: count // 2]
    t_all = torch.cat([t, mirror.flip(0)])
    steps = torch.cat([step, (mirror / t[: count // 2] * step[: count // 2]).flip(0)])
    return Nodes((t_all**2).to(device), steps.to(device))


@dataclass(frozen=True)
class Tableau:
    """The numbers that decide changes of FID, for A rows outside the subset and B rows in it."""

    others: Tensor  # (T, A) R_bb
    members: Tensor  # (T, B) P_aa
    cross: Tensor  # (T, A, B) Q_ab
    lengths: Tensor  # (A, B) |y_b - y_a|^2
    radii: tuple[Tensor, Tensor]  # (A,) and (B,) |y|^2 about the subset's mean
    slopes: tuple[Tensor, Tensor]  # (A,) and (B,) y^T (mu_f - mu_r)


def pair_changes(tableau: Tableau, weights: Tensor, size: int) -> Tensor:
    """(Tableau of pairs in shapes that broadcast, weights (T,), n) -> exact changes of FID."""
    determinant = tableau.others * tableau.members + tableau.cross * tableau.cross
    determinant.clamp_(min=torch.finfo(determinant.dtype).tiny)  # where rounding made it negative
    root = torch.tensordot(weights, determinant.log_(), 1)
    slope = tableau.slopes[0] - tableau.slopes[1]
    share = tableau.lengths / size
    variance = (tableau.radii[0] - tableau.radii[1] - share) / (size - 1)
    return 2 * slope / size + share / size + variance - 2 * root


def single_changes(
    squares: Tensor, slopes: Tensor, products: Tensor, weights: Tensor, size: int, sign: float
) -> Tensor:
    """|y|^2 (R,), y^T (mu_f - mu_r) (R,), z^T (M + t^2)^-1 z (R, T) -> change of FID (R,) of a row.

    y and z are about the subset's mean. With sign 1 a row is added, with -1 it is dropped; the
    divisor n - 1 stays. So the changes of two such rows sum up to that of their exchange, but for
    the interaction of the pair.
    """
    root = torch.log1p((sign * products).clamp(min=1e-9 - 1)) @ weights
    linear = sign * (2 * slopes / size + squares / (size - 1))
    return linear + squares / size**2 - 2 * root


class Exchange:
    """A shortlist of L rows -> its best pair, again and again.

    The first `outside` rows are not in the subset. start: (T, L, L) S. products: (L, L) y^T y.
    slopes: (L,) y^T (mu_f - mu_r). Here y is about the mean that the subset has at the start.
    size: n.
    """

    def __init__(
        self, start: Tensor, products: Tensor, slopes: Tensor, weights: Tensor, size: int,
        outside: int,
    ) -> None:  # fmt: skip
        count, rows, _ = start.shape
        self.most = min(outside, rows - outside)
        self._start, self._products = start, products
        self._slopes, self._first_slopes = slopes.clone(), slopes
        self._weights, self._size, self._outside = weights, size, outside
        self._cross = start[:, :outside, outside:].clone()
        self._diagonal = torch.diagonal(start, dim1=1, dim2=2).clone()
        self._left = start.new_empty(count, rows, 2 * self.most)
        self._right = start.new_empty(count, rows, 2 * self.most)
        self._changes = slopes.new_zeros(outside, rows - outside)  # as far as they are known
        self.added: list[int] = []
        self.dropped: list[int] = []

    def find_best(self) -> tuple[float, int, int]:
        """Find the best pair: (change of FID, place among the others, place among the members).

        An exchange changes the gains of other pairs only a little. So all pairs are computed now
        and then; in between, only those that were best so far are computed again.
        """
        done, device = len(self.added), self._slopes.device
        if done % _LOOK_AT_ALL == 0:
            adds = torch.arange(self._outside, device=device)[:, None]
            drops = torch.arange(self._changes.shape[1], device=device)[None]
            self._changes = self._compute(adds, drops)
            self._changes[self.added] = math.inf
            self._changes[:, self.dropped] = math.inf
        flat = self._changes.view(-1)
        known, places = flat.topk(min(_LOOK_AT, len(flat)), largest=False)
        adds = places.div(self._changes.shape[1], rounding_mode="floor")
        drops = places % self._changes.shape[1]
        fresh = torch.where(known < math.inf, self._compute(adds, drops), math.inf)
        flat[places] = fresh
        best = int(fresh.argmin())
        return float(fresh[best]), int(adds[best]), int(drops[best])

    def swap(self, add: int, drop: int) -> None:
        """Exchange the pair at these places; neither row is looked at again."""
        pair = torch.tensor([add, self._outside + drop], device=self._slopes.device)
        done = 2 * len(self.added)
        columns = self._start[:, pair].transpose(1, 2)  # symmetric, and rows are read faster
        left, right = self._left[:, :, :done], self._right[:, :, :done]
        columns = torch.baddbmm(columns, left, right[:, pair].transpose(1, 2))
        left = -torch.linalg.solve(columns[:, pair], columns, left=False)
        self._left[:, :, done : done + 2], self._right[:, :, done : done + 2] = left, columns
        inside = columns[:, self._outside :].transpose(1, 2)
        self._cross.baddbmm_(left[:, : self._outside], inside)
        self._diagonal += (left * columns).sum(-1)
        self._slopes += (self._products[pair[0]] - self._products[pair[1]]) / self._size
        self._changes[add] = math.inf
        self._changes[:, drop] = math.inf
        self.added.append(add)
        self.dropped.append(drop)

    def _compute(self, adds: Tensor, drops: Tensor) -> Tensor:
        """Places of others and members, of shapes that broadcast -> exact changes of FID."""
        rows = drops + self._outside
        square = self._products.diagonal()
        moved = 2 * (self._slopes - self._first_slopes)  # 2 y . (how far the mean has moved)
        tableau = Tableau(
            self._diagonal[:, adds],
            -self._diagonal[:, rows],
            self._cross[:, adds, drops],
            square[adds] + square[rows] - 2 * self._products[adds, rows],
            ((square - moved)[adds], (square - moved)[rows]),
            (self._slopes[adds], self._slopes[rows]),
        )
        return pair_changes(tableau, self._weights, self._size)
