"""The state of a training: steps, records of losses and scores, and the best weights so far."""

import math
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import nn

from lib.kernel.training.trainer import Losses, Trainer

# The kinds of scores. Scores of two kinds are never compared: once one of a later kind is
# measured, those of earlier kinds no longer count.
SCORES = ("held-out loss", "FID")


@dataclass
class TrainState:
    """The state of a training; checkpoints hold all of it but the sums since the last record."""

    step: int = 0
    seconds: float = 0.0  # optimiser time
    rollbacks: int = 0
    ended: str = ""  # why it ended; "" while it goes on
    gave_up: bool = False  # it diverged too often: more time would not help
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)  # kind, score, why, step, epoch, weights
    judged: dict[str, Any] = field(
        default_factory=dict
    )  # results of FIDs in training; files have this name
    sums: Losses = field(default_factory=dict)  # on the device, since the last record
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, losses: Losses, seconds: float) -> None:
        """Add one step's losses and time without waiting for the device."""
        self.step += 1
        self.seconds += seconds
        for name, value in losses.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def has_unread(self) -> bool:
        """Tell whether steps were made since the last record."""
        return bool(self.counts)

    def read(self) -> dict[str, float]:
        """Return the mean losses since the last record; this waits for the device once."""
        if not self.sums:
            return {}
        values = torch.stack([value.double() for value in self.sums.values()]).tolist()
        names = self.sums.keys()
        return {name: value / self.counts[name] for name, value in zip(names, values, strict=True)}

    def record(self, steps_per_epoch: int) -> None:
        """Make a history entry of the mean losses since the last record."""
        place = {"step": self.step, "epoch": self.step / steps_per_epoch, "seconds": self.seconds}
        self.history.append({**place, **self.read()})
        self.sums.clear()
        self.counts.clear()

    def keep_best(
        self, kind: str, score: float, why: str, trainer: Trainer, network: nn.Module | None = None
    ) -> None:
        """Keep the weights if their score, one of SCORES, is the least so far.

        The weights are those of the network if one is given, else those that the trainer exports.
        """
        before = self.best.get("kind", kind)
        is_worse = kind == before and score >= self.best.get("score", math.inf)
        if is_worse or SCORES.index(kind) < SCORES.index(before) or not math.isfinite(score):
            return
        weights = trainer.export() if network is None else network.state_dict()
        self.best = {
            "kind": kind,
            "score": score,
            "why": why,
            "step": self.step,
            "epoch": self.epoch(trainer.steps_per_epoch),
            "weights": {name: weight.detach().clone() for name, weight in weights.items()},
        }

    def epoch(self, steps_per_epoch: int) -> int:
        """Return the number of the last step's epoch, from 1."""
        return max(1, -(-self.step // steps_per_epoch))

    def choose(self, trainer: Trainer) -> tuple[dict[str, torch.Tensor], str, int, int]:
        """Choose the best weights by score, else the last; return (weights, why, epoch, step)."""
        if self.best:
            why = f"{self.best['why']}, {self.best['score']:.5f}"
            words = f"weights of step {self.best['step']:,}, epoch {self.best['epoch']} ({why})"
            return self.best["weights"], words, self.best["epoch"], self.best["step"]
        epoch = self.epoch(trainer.steps_per_epoch)
        words = f"weights of step {self.step:,}, epoch {epoch} (the last: nothing was measured)"
        return trainer.export(), words, epoch, self.step

    def as_dict(self) -> dict[str, Any]:
        """Return the state as tensors and plain values, for from_dict."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, state: dict[str, Any], place: torch.device) -> Self:
        """A dictionary of as_dict -> the same state, with its sums on the given device."""
        sums = {name: value.to(place) for name, value in state["sums"].items()}
        return cls(**{**state, "sums": sums})
