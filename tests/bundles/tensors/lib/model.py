from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass
class Config:
    width: int


class Net(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.linear = torch.nn.Linear(config.width, 2)

    def forward(self, x):
        return self.linear(x).relu()


def scripted_step(x: torch.Tensor, n: int):
    # a loop that tracing would unroll
    for i in range(n):
        x = x * 2 + i
    return x


def traced_step(x):
    return x.sin() + 1
