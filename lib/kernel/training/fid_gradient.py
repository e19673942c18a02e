"""Features of fresh samples -> a loss with the gradient of a large population's FID.

As in arXiv:2009.14075 and 2604.28190, mean and second moment are exponential averages over many
batches, and the gradient passes through the newest batch alone. Our deviation: a small batch
changes FID almost linearly. So FID's gradient with respect to the moments is computed only once
for several steps, and most steps need no eigenvalue problem.
"""

import torch
from torch import Tensor, nn

from lib.base.errors import PipelineError
from lib.kernel.metrics.fid import Statistics
from lib.kernel.metrics.inception import INPUT_PX
from lib.kernel.metrics.preprocess import resize_on_device, round_straight_through

DECAY = 0.999  # of the population's moments at each batch
_CUT = 1e-10  # of the largest eigenvalue: below it a direction's gradient no longer grows


class FidGradient:
    """FID of a population against real Statistics, and its gradient by the population's moments.

    With mean m, second moment M and S = c (M - m m^T), c = n / (n - 1):
    FID = |m - mu|^2 + Tr S + Tr S_r - 2 Tr (L^T S L)^(1/2), L L^T = S_r, and
    dFID = 2 (m - mu) dm + Tr (W dS), W = I - L (L^T S L)^(-1/2) L^T. All float64.
    """

    def __init__(self, population: Tensor, real: Statistics) -> None:
        """Begin with the (n, D) features of the network's samples, n at least 2."""
        if len(population) < 2:
            raise PipelineError("fid loss", "a population needs two samples", cure="draw more")
        place = population.device
        self._real_mean = torch.from_numpy(real.mean).to(place)
        self._root = torch.from_numpy(real.factor).to(place)  # (D, r)
        self._real_variance = real.total_variance
        self._correction = len(population) / (len(population) - 1)
        features = population.detach().double()
        self._mean = features.mean(0)
        self._second = features.T @ features / len(features)
        self.refresh()

    def refresh(self) -> None:
        """Compute FID (`value`) and its gradient, which `loss` uses, from the moments so far."""
        covariance = self._second - torch.outer(self._mean, self._mean)
        covariance = covariance * self._correction
        product = self._root.T @ covariance @ self._root
        if not product.isfinite().all():
            raise PipelineError("fid loss", "the samples' features are no longer finite")
        values, vectors = torch.linalg.eigh((product + product.T) / 2)
        values = values.clamp(min=0.0)
        shift = self._mean - self._real_mean
        fixed = shift @ shift + covariance.trace() + self._real_variance
        self.value = float(fixed - 2.0 * values.sqrt().sum())
        bounded = values.clamp(min=_CUT * float(values[-1]))
        half = self._root @ (vectors * bounded**-0.25)
        eye = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        self._curve = self._correction * (eye - half @ half.T)
        self._line = 2.0 * shift - 2.0 * self._curve @ self._mean

    def loss(self, features: Tensor) -> Tensor:
        """(B, D) with a graph -> scalar with FID's gradient, as if the batch had weight 1."""
        wide = features.double()
        return (wide @ self._line + ((wide @ self._curve) * wide).sum(1)).mean()

    @torch.no_grad()
    def absorb(self, features: Tensor, decay: float = DECAY) -> None:
        """Move the moments towards those of a step's (B, D) features."""
        wide = features.detach().double()
        self._mean.lerp_(wide.mean(0), 1.0 - decay)
        self._second.lerp_(wide.T @ wide / len(wide), 1.0 - decay)


def describe(
    network: nn.Module, pictures: Tensor, dtype: torch.dtype, px: int = INPUT_PX
) -> Tensor:
    """(Inception, (B, C, S, S) float in [-1, 1]) -> (B, 2048) float32, differentiable."""
    inputs = enlarge(pictures, px).to(dtype).contiguous(memory_format=torch.channels_last)
    return network(inputs).float()


def enlarge(pictures: Tensor, px: int = INPUT_PX) -> Tensor:
    """(B, 1 or 3, S, S) float in [-1, 1] -> (B, 3, px, px) in 0..1, as by the official path.

    Values are rounded to 8 bits where the official path rounds. Gradients pass the rounding
    unchanged.
    """
    levels = round_straight_through((pictures * 127.5 + 127.5).clamp(0.0, 255.0))
    return resize_on_device(levels.expand(-1, 3, -1, -1), px, straight_through=True)
