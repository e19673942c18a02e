"""torchvision's Inception-V3 -> the layout of the TensorFlow network that FID was defined with.

That network (arXiv:1706.08500) differs from torchvision's in the pooling branches alone: its
averages leave out the padding, and its last block takes the maximum. The keys of a state dict are
the same, so files ported from TensorFlow (torch-fidelity's, pytorch-fid's) load as they are.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_AVERAGED = (
    *("Mixed_5b", "Mixed_5c", "Mixed_5d"),
    *("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    "Mixed_7b",
)
_MAXIMISED = "Mixed_7c"


class _TfBlock(nn.Module):
    """One Inception block whose last branch pools in TensorFlow's way."""

    def __init__(self, block: nn.Module, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.block = block
        self._pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float -> (N, C', H, W); torchvision's own pooling branch is dropped."""
        *branches, _ = self.block._forward(x)  # type: ignore[operator]
        return torch.cat([*branches, self.block.branch_pool(self._pool(x))], 1)  # type: ignore[operator]


def use_tf_layout(network: nn.Module) -> None:
    """Replace the pooling of torchvision's Inception3 by TensorFlow's; load its weights before."""
    for name in _AVERAGED:
        setattr(network, name, _TfBlock(getattr(network, name), _average_inside))
    setattr(network, _MAXIMISED, _TfBlock(getattr(network, _MAXIMISED), _take_maximum))


def _average_inside(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _take_maximum(x: Tensor) -> Tensor:
    return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
