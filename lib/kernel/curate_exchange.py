"""A subset and a shortlist of rows -> the exact change of FID of every exchange of one pair.

Notation, here and in curate_spectrum.py: y = x - mu_r is a feature vector about the real mean,
z = L^T y with L L^T = S_r, so that Tr (S_f S_r)^(1/2) = Tr M^(1/2), M the covariance of the
subset's z. A change of rank k of M changes that trace by

    Tr (M + U C U^T)^(1/2) - Tr M^(1/2) = (1/pi) int_0^inf log det(1 + C U^T (M + t^2)^-1 U) dt,

exactly. Exchanging row a for row b of n, both about the subset's mean, is the change of rank two
    (n - 1) dM = (1 - 1/n) b b^T - (1 + 1/n) a a^T + (1/n) (a b^T + b a^T),
the movement of the mean included. So all that is needed of a row are its products
K[i, j] = z_i^T (M + t^2)^-1 z_j / (n - 1) with the other rows of the shortlist at a dozen nodes t,
and after an exchange those follow from themselves: a whole sequence of exchanges is exact
although M is decomposed once.
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import ellipj, ellipkm1

Tensor = torch.Tensor

_LOOK_AT_ALL = 16  # steps between two looks at all pairs of the shortlist
_LOOK_AT = 4096  # pairs computed again at each step
_LEAST_DETERMINANT = 1e-30  # a product that rounding made negative belongs to no useful pair


@dataclass(frozen=True)
class Nodes:
    """Nodes t^2 (Q,) and weights (Q,): sum of weights * f(t) = (1/pi) int_0^inf f(t) dt."""

    squares: Tensor
    weights: Tensor


def place_nodes(lowest: float, highest: float, count: int, device: torch.device) -> Nodes:
    """The range of M's eigenvalues, 0 < lowest < highest -> Nodes for functions of (M + t^2)^-1.

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


class _Products:
    """(Q, L, L) products of vectors -> the same after low-rank updates and common shifts.

    The products of the first `outside` rows with the others are kept up to date; the rest as
    K + left right^T, for a step touches but two columns. A shift moves every vector by the same and
    is one number a row, K[i, j] + shift_i + shift_j.
    """

    def __init__(self, start: Tensor, outside: int, most_updates: int) -> None:
        count, rows, _ = start.shape
        self._outside = outside
        self._start = start
        self._cross = start[:, :outside, outside:].clone()
        self._left = start.new_empty(count, rows, 2 * most_updates)
        self._right = start.new_empty(count, rows, 2 * most_updates)
        self._used = 0
        self._shift = start.new_zeros(count, rows)
        self.diagonal = torch.diagonal(start, dim1=1, dim2=2).clone()  # (Q, L)

    def pairs(self, outside: Tensor, inside: Tensor) -> Tensor:
        """Row numbers of either side, of shapes that broadcast -> (Q, ...)."""
        pairs = self._cross[:, outside, inside - self._outside]
        return pairs.add_(self._shift[:, outside]).add_(self._shift[:, inside])

    def columns(self, numbers: Tensor) -> Tensor:
        """Column numbers (C,) -> (Q, L, C)."""
        left, right = self._left[:, :, : self._used], self._right[:, :, : self._used]
        start = self._start[:, numbers].transpose(1, 2)  # symmetric, and rows are read faster
        block = torch.baddbmm(start, left, right[:, numbers].transpose(1, 2))
        return block + self._shift[:, :, None] + self._shift[:, None, numbers]

    def update(self, left: Tensor, right: Tensor) -> None:
        """Two (Q, L, 2) -> K + left right^T, which is symmetric."""
        end = self._used + 2
        self._left[:, :, self._used : end] = left
        self._right[:, :, self._used : end] = right
        self._used = end
        inside = right[:, self._outside :].transpose(1, 2)
        self._cross.baddbmm_(left[:, : self._outside], inside)
        self.diagonal += (left * right).sum(-1)

    def move(self, toward: Tensor, square: Tensor) -> None:
        """Products with a step of the origin (Q, L), its square (Q,) -> all about the new one."""
        change = square[:, None] / 2 - toward
        self._shift += change
        self.diagonal += 2 * change


class Exchange:
    """A shortlist, its first `outside` rows not in the subset -> its best pair, again and again.

    outward: (L, D) y about the subset's mean; products: (Q, L, L) K of the module's docstring;
    slope: (L,) y^T (mu_f - mu_r); size: n.
    """

    def __init__(
        self, outward: Tensor, products: Tensor, slope: Tensor, nodes: Nodes, size: int,
        outside: int,
    ) -> None:  # fmt: skip
        self._outside = outside
        self._inside = len(outward) - outside
        self.most = min(self._outside, self._inside)
        self._metric = _Products(products, outside, self.most)
        self._plain = _Products((outward @ outward.T)[None], outside, 0)
        self._slope = slope.clone()
        self._weights = nodes.weights
        self._size = size
        self._changes = slope.new_zeros(0)  # (outside, inside) as far as they are known
        self._age = 0
        self.added: list[int] = []
        self.dropped: list[int] = []

    def find_best(self) -> tuple[float, int, int]:
        """Nothing -> (change of FID, row to add, row to drop), rows counted in the shortlist.

        An exchange changes what the others would bring only a little, so between two looks at all
        pairs only those that were best so far are computed again.
        """
        if self._age % _LOOK_AT_ALL == 0:
            rows = torch.arange(self._outside + self._inside, device=self._slope.device)
            adds, drops = rows[: self._outside, None], rows[None, self._outside :]
            self._changes = self.pair_changes(adds, drops)
            self._changes[self.added] = math.inf
            self._changes[:, [a - self._outside for a in self.dropped]] = math.inf
        self._age += 1
        flat = self._changes.view(-1)
        known, places = flat.topk(min(_LOOK_AT, len(flat)), largest=False)
        adds = places.div(self._inside, rounding_mode="floor")
        drops = places % self._inside + self._outside
        fresh = torch.where(known < math.inf, self.pair_changes(adds, drops), math.inf)
        flat[places] = fresh
        best = int(fresh.argmin())
        return float(fresh[best]), int(adds[best]), int(drops[best])

    def pair_changes(self, adds: Tensor, drops: Tensor) -> Tensor:
        """Row numbers outside and inside, of shapes that broadcast -> exact changes of FID."""
        return pair_changes(
            (self._metric.diagonal[:, adds], self._metric.diagonal[:, drops]),
            self._metric.pairs(adds, drops),
            (self._plain.diagonal[0, adds], self._plain.diagonal[0, drops]),
            self._plain.pairs(adds, drops)[0],
            self._slope[adds] - self._slope[drops],
            self._weights,
            self._size,
        )

    def swap(self, b: int, a: int) -> None:
        """Row b outside, row a inside -> b in the subset and a out, neither looked at again."""
        n = self._size
        pair = torch.tensor([b, a], device=self._slope.device)
        change = self._slope.new_tensor([[1 - 1 / n, 1 / n], [1 / n, -1 - 1 / n]])
        columns = self._metric.columns(pair)
        middle = torch.eye(2).to(change) + change @ columns[:, pair]
        inner = torch.linalg.solve(middle, change.expand_as(middle))
        left = columns @ -inner
        self._metric.update(left, columns)
        columns = columns + left @ columns[:, pair].transpose(1, 2)
        toward = (columns[..., 0] - columns[..., 1]) / n
        self._metric.move(toward, (toward[:, b] - toward[:, a]) / n)
        plain = self._plain.columns(pair)
        toward = (plain[..., 0] - plain[..., 1]) / n
        square = (toward[:, b] - toward[:, a]) / n
        self._slope += toward[0] - (self._slope[b] - self._slope[a]) / n - square
        self._plain.move(toward, square)
        self._changes[b] = math.inf
        self._changes[:, a - self._outside] = math.inf
        self.added.append(b)
        self.dropped.append(a)


def pair_changes(
    squares: tuple[Tensor, Tensor], products: Tensor, lengths: tuple[Tensor, Tensor],
    inner: Tensor, slope: Tensor, weights: Tensor, size: int,
) -> Tensor:  # fmt: skip
    """Products of rows to add and to drop, of shapes that broadcast -> exact changes of FID.

    squares: K[b, b], K[a, a], products: K[a, b], (Q, ...); lengths: |y_b|^2, |y_a|^2, inner:
    y_b^T y_a, slope: (y_b - y_a)^T (mu_f - mu_r), all y about the subset's mean.
    """
    n = size
    add, drop = squares
    determinant = add * (1 - 1 / n - drop) + (1 - (1 + 1 / n) * drop)
    determinant += products * (products + 2 / n)
    root = torch.tensordot(weights, determinant.clamp_(min=_LEAST_DETERMINANT).log_(), 1)
    step = lengths[0] + lengths[1] - 2 * inner
    variance = (lengths[0] - lengths[1] - step / n) / (n - 1)
    return 2 * slope / n + step / n**2 + variance - 2 * root


def single_changes(
    squares: Tensor, slopes: Tensor, products: Tensor, weights: Tensor, size: int, sign: float
) -> Tensor:
    """|y|^2 (R,), y^T (mu_f - mu_r) (R,), K[i, i] (R, Q) -> change of FID (R,) of one row alone.

    sign 1: added, -1: dropped, the divisor n - 1 kept, so that the two sum up to an exchange but
    for the pair's interaction.
    """
    root = torch.log1p((sign * products).clamp(min=1e-9 - 1)) @ weights
    linear = sign * (2 * slopes / size + squares / (size - 1))
    return linear + squares / size**2 - 2 * root
