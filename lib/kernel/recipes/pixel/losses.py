"""The loss of pixel: the negative log-likelihood of pixel values."""

import torch
from torch.nn import functional as F


def pixel_nll(
    logits: torch.Tensor, values: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """(B, K, C, 256) logits, (B, K, C) integer pixels -> mean of -ln p(value), nats each.

    (B, K) weights make up for pixels that were drawn with unequal chances.
    """
    logits = logits.float().flatten(0, -2)
    if weights is None:
        return F.cross_entropy(logits, values.flatten().long())
    each = F.cross_entropy(logits, values.flatten().long(), reduction="none")
    return (each.view(values.shape) * weights[..., None]).mean()
