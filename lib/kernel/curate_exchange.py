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

    A step touches a few columns of L, so the updates are kept as factors, K + left right^T, and the
    shifts, which move every vector by the same, as one number a row, K[i, j] + shift_i + shift_j.
    """

    def __init__(self, start: Tensor, most_updates: int) -> None:
        count, rows, _ = start.shape
        self._start = start
        self._left = start.new_empty(count, rows, 2 * most_updates)
        self._right = start.new_empty(count, rows, 2 * most_updates)
        self._used = 0
        self._shift = start.new_zeros(count, rows)
        self.diagonal = torch.diagonal(start, dim1=1, dim2=2).clone()  # (Q, L)

    def block(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Row numbers (R,), column numbers (C,) -> (Q, R, C)."""
        left, right = self._left[:, :, : self._used], self._right[:, :, : self._used]
        block = self._start[:, rows[:, None], columns]
        block = torch.baddbmm(block, left[:, rows], right[:, columns].transpose(1, 2))
        return block + self._shift[:, rows, None] + self._shift[:, None, columns]

    def columns(self, numbers: Tensor) -> Tensor:
        """Column numbers (C,) -> (Q, L, C)."""
        left, right = self._left[:, :, : self._used], self._right[:, :, : self._used]
        block = torch.baddbmm(self._start[:, :, numbers], left, right[:, numbers].transpose(1, 2))
        return block + self._shift[:, :, None] + self._shift[:, None, numbers]

    def update(self, left: Tensor, right: Tensor) -> None:
        """Two (Q, L, 2) -> K + left right^T, which is symmetric."""
        end = self._used + 2
        self._left[:, :, self._used : end] = left
        self._right[:, :, self._used : end] = right
        self._used = end
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
        outside: int, most: int,
    ) -> None:  # fmt: skip
        self._metric = _Products(products, most)
        self._plain = _Products((outward @ outward.T)[None], 0)
        self._slope = slope.clone()
        self._weights = nodes.weights
        self._size = size
        rows = torch.arange(len(outward), device=outward.device)
        self._adds, self._drops = rows[:outside], rows[outside:]
        self.added: list[int] = []
        self.dropped: list[int] = []

    def find_best(self, width: int) -> tuple[float, int, int]:
        """How many rows of either side to pair -> (change of FID, row to add, row to drop)."""
        adds = self._adds[self._rank(self._adds, 1.0, width)]
        drops = self._drops[self._rank(self._drops, -1.0, width)]
        gains = self.pair_changes(adds, drops)
        best = int(gains.argmin())
        b, a = divmod(best, len(drops))
        return float(gains[b, a]), int(adds[b]), int(drops[a])

    def pair_changes(self, adds: Tensor, drops: Tensor) -> Tensor:
        """Row numbers (A,) outside, (B,) inside -> exact changes of FID (A, B) of one exchange."""
        n = self._size
        k_ab = self._metric.block(adds, drops)
        k_b = self._metric.diagonal[:, adds, None]
        k_a = self._metric.diagonal[:, None, drops]
        det = (1 + (1 - 1 / n) * k_b) - (1 + 1 / n) * k_a + (2 / n) * k_ab
        det += k_ab * k_ab - k_b * k_a
        root = torch.tensordot(self._weights, det.clamp_(min=_LEAST_DETERMINANT).log_(), 1)
        y_b, y_a = self._plain.diagonal[0, adds, None], self._plain.diagonal[0, None, drops]
        step = y_b + y_a - 2 * self._plain.block(adds, drops)[0]
        mean = 2 * (self._slope[adds, None] - self._slope[drops]) / n + step / n**2
        return mean + (y_b - y_a - step / n) / (n - 1) - 2 * root

    def swap(self, b: int, a: int) -> None:
        """Row b outside, row a inside -> b in the subset and a out, neither looked at again."""
        n = self._size
        pair = torch.tensor([b, a], device=self._slope.device)
        change = self._slope.new_tensor([[1 - 1 / n, 1 / n], [1 / n, -1 - 1 / n]])
        columns = self._metric.columns(pair)
        middle = torch.eye(2).to(change) + change @ columns[:, pair]
        inner = torch.linalg.solve(middle, change.expand_as(middle))
        self._metric.update(columns @ -inner, columns)
        columns = self._metric.columns(pair)
        toward = (columns[..., 0] - columns[..., 1]) / n
        self._metric.move(toward, (toward[:, b] - toward[:, a]) / n)
        plain = self._plain.columns(pair)
        toward = (plain[..., 0] - plain[..., 1]) / n
        square = (toward[:, b] - toward[:, a]) / n
        self._slope += toward[0] - (self._slope[b] - self._slope[a]) / n - square
        self._plain.move(toward, square)
        self._adds, self._drops = self._adds[self._adds != b], self._drops[self._drops != a]
        self.added.append(b)
        self.dropped.append(a)

    def _rank(self, rows: Tensor, sign: float, width: int) -> Tensor:
        """Row numbers (R,) -> positions of the `width` best by their change of FID alone."""
        squares, products = self._plain.diagonal[0, rows], self._metric.diagonal[:, rows]
        scores = single_changes(
            squares, self._slope[rows], products.T, self._weights, self._size, sign
        )
        return scores.argsort(stable=True)[:width]


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
