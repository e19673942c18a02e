"""Resident images -> the batch of a step; a batch -> gradients, in parts that fit the memory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from lib.kernel.config import Config
from lib.kernel.errors import PipelineError
from lib.kernel.progress import log
from lib.kernel.runtime import Device
from lib.kernel.seeds import derive_seed
from lib.kernel.side_by_side import Cores

Losses = dict[str, torch.Tensor]  # scalars on the device, detached


class Learner(ABC):
    """One recipe's networks, optimisers and step; the loop around it is train's."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        """(N, C, 32, 32) uint8 images become resident on the device as they are."""
        self.config = config
        self.device = device
        self.images = torch.from_numpy(np.ascontiguousarray(images)).to(device.torch_device)
        self.batch = min(config.batch, len(images))
        if self.batch < config.batch:
            log("train", f"batch {self.batch} instead of {config.batch} (all the images there are)")
        self.team = device.team
        if self.batch < self.team.count:
            raise PipelineError(
                "train",
                "each process needs an image of every step",
                expected=f"a batch of at least {self.team.count}",
                got=f"{self.batch}",
                cure="--set batch=... larger, or --set ranks=1",
            )
        self.steps_per_epoch = len(images) // self.batch  # the last, smaller batch is dropped
        self.rate_scale = 1.0  # shrinks after a divergence
        self.micro = self.batch  # images at once; shrinks when the memory does not suffice
        self.cores = Cores(device)
        self._order: tuple[int, torch.Tensor] | None = None

    @abstractmethod
    def advance(self, step: int, progress: float) -> Losses:
        """(step number from 0, share of the run that is done) -> losses, after one step."""

    @abstractmethod
    def parts(self) -> dict[str, Any]:
        """-> everything with a state_dict that a resumed run needs, by name."""

    @abstractmethod
    def samplers(self) -> dict[str, nn.Module]:
        """-> the networks that samples may be drawn from by name, in eval mode, the best first."""

    def sampler(self) -> nn.Module:
        """-> the network that samples are drawn from where nothing was measured."""
        return next(iter(self.samplers().values()))

    def export(self) -> dict[str, torch.Tensor]:
        """-> that network's weights."""
        return self.sampler().state_dict()

    def is_finite(self) -> bool:
        """-> whether no weight is infinite or NaN; waits for the device."""
        sums = torch.stack([weight.detach().double().sum() for weight in self.export().values()])
        return bool(sums.isfinite().all())

    def validate(self) -> dict[str, float]:
        """-> measures on held-out images, where the recipe has any; least "score" is best."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """-> all parts' states."""
        states = {name: part.state_dict() for name, part in self.parts().items()}
        return {"parts": states, "rate_scale": self.rate_scale, "micro": self.micro}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A state of state_dict -> all parts as they were."""
        for name, part in self.parts().items():
            if own := state["parts"][name]:  # of a gradient scaler that was off there is none
                part.load_state_dict(own)
        self.rate_scale = float(state["rate_scale"])
        self.micro = int(state["micro"])

    def pick_batch(self, step: int) -> torch.Tensor:
        """A step -> (batch, C, 32, 32) uint8; each epoch is an order of its own, drop-last."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self.seed_of("order", epoch))
            order = torch.randperm(len(self.images), generator=generator)
            self._order = (epoch, order.to(self.images.device))
        chosen = self._order[1][place * self.batch : (place + 1) * self.batch]
        return self.images[chosen]

    def seed_of(self, purpose: str, step: int) -> int:
        """(what for, step) -> a seed that depends on nothing else but the run's seed."""
        return derive_seed(self.config.seed, f"train/{purpose}", step)

    def generator_of(self, purpose: str, step: int) -> torch.Generator:
        """(what for, step) -> a freshly seeded generator on the device."""
        generator = torch.Generator(self.images.device)
        return generator.manual_seed(self.seed_of(purpose, step))

    def backward_in_parts(
        self,
        parameters: Iterable[nn.Parameter],
        loss_of: Callable[[slice], tuple[torch.Tensor, Losses]],
        is_divisible: bool = True,
    ) -> Losses:
        """(weights, slice of the batch -> (mean loss, losses to report)) -> gradients, mean losses.

        Each rank of the team takes its slice, and on a CPU each core a part of that, unless a
        normalisation ties the batch together. The gradients add up to those of the whole batch.
        Where the memory does not suffice the parts are halved and the step begins again; its
        randomness was drawn before.
        """
        weights = list(parameters)
        while True:
            try:
                return self._backward_once(weights, loss_of, is_divisible)
            except torch.OutOfMemoryError:
                if self.micro == 1:
                    raise PipelineError(
                        "train",
                        "out of memory with a single image at once",
                        cure="--set width=... smaller",
                    ) from None
            self.micro = -(-self.micro // 2)
            log("train", f"out of memory: {self.micro} images at once from here on")
            if self.device.is_cuda:
                torch.cuda.empty_cache()

    def _backward_once(
        self,
        weights: list[nn.Parameter],
        loss_of: Callable[[slice], tuple[torch.Tensor, Losses]],
        is_divisible: bool,
    ) -> Losses:
        own = self.team.slice_of(self.batch) if is_divisible else slice(0, self.batch)
        most = -(-(own.stop - own.start) // self.cores.count) if is_divisible else self.batch
        step = min(self.micro, most)
        parts = [slice(at, min(at + step, own.stop)) for at in range(own.start, own.stop, step)]

        def differentiate(part: slice) -> tuple[list[torch.Tensor], Losses]:
            share = (part.stop - part.start) / self.batch
            loss, losses = loss_of(part)
            gradients = torch.autograd.grad(loss * share, weights)
            return list(gradients), {name: loss.detach() * share for name, loss in losses.items()}

        total: Losses = {}
        for weight in weights:
            weight.grad = None
        for start in range(0, len(parts), self.cores.count):
            for found in self.cores.map(differentiate, parts[start : start + self.cores.count]):
                self._add_gradients(weights, found[0])
                for name, value in found[1].items():
                    total[name] = total[name] + value if name in total else value
        if is_divisible:
            self.team.add_up([*(w.grad for w in weights if w.grad is not None), *total.values()])
        return total

    @staticmethod
    def _add_gradients(weights: list[nn.Parameter], gradients: list[torch.Tensor]) -> None:
        if weights[0].grad is None:
            for weight, gradient in zip(weights, gradients, strict=True):
                is_alike = gradient.stride() == weight.stride()  # as a GPU's fused Adam demands
                weight.grad = gradient if is_alike else torch.empty_like(weight).copy_(gradient)
        else:
            sums = [weight.grad for weight in weights if weight.grad is not None]
            torch._foreach_add_(sums, gradients)
