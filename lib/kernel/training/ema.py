"""Weights after each step -> their exponential moving average."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Ema:
    """An average of a network's weights: average += (1 - decay_t) (weight - average).

    decay_t = min(decay, (1 + t) / (10 + t)) at the t-th update, so that the noise of the first
    weights is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network after a step; copy buffers."""
        decay = self._find_decay()
        self._updates += 1
        averages: list[torch.Tensor] = list(self.network.parameters())
        weights: list[torch.Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, weights, 1.0 - decay)
        for mine, other in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that load_state_dict restores."""
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the average from a state of this class."""
        self.network.load_state_dict(state["network"])
        self._updates = int(state["updates"])

    def _find_decay(self) -> float:
        """Return the share of the average that the next update keeps."""
        return min(self._decay, (1 + self._updates) / (10 + self._updates))


class ShareEma(Ema):
    """An average whose half-life is a fixed share of all updates so far, so it grows.

    decay_t = 0.5^(1 / (share t)) at the t-th update, the power profile of arXiv:2312.02696.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        super().__init__(network, 0.0)
        self._share = share

    def _find_decay(self) -> float:
        return 0.5 ** (1.0 / (self._share * (self._updates + 1)))
