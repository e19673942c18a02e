"""The base of every recipe's trainer: batches, and gradients in parts that fit the memory.

A recipe adds its networks and `train_step`, in lib/kernel/recipes/NAME/trainer.py; those with a
generator and a critic go on in adversarial.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from lib.base.errors import PipelineError
from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.kernel.configuration.config import Config
from lib.kernel.device.cpu_threads import Cores
from lib.kernel.device.device import Device
from lib.kernel.device.plain_steps import Losses, PlainSteps

LossOf = Callable[..., tuple[torch.Tensor, Losses]]  # of a part: its mean loss, what to report


class Trainer(ABC):
    """One recipe's networks, optimisers and step; the loop around it is in train.py."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        """(N, C, 32, 32) uint8 images become resident on the device as they are."""
        self.config = config
        self.device = device
        self.images = torch.from_numpy(np.require(images, None, ["C", "W"])).to(device.torch_device)
        self.batch = min(config.batch, len(images))
        if self.batch < config.batch:
            log("train", f"batch {self.batch} instead of {config.batch} (all the images there are)")
        self.ranks = device.ranks
        if self.batch < self.ranks.count:
            raise PipelineError(
                "train",
                "each process needs an image of every step",
                expected=f"a batch of at least {self.ranks.count}",
                got=f"{self.batch}",
                cure="--set batch=... larger, or --set ranks=1",
            )
        self.steps_per_epoch = len(images) // self.batch  # the last, smaller batch is dropped
        self.lr_scale = 1.0  # shrinks after a divergence
        self.micro_batch = self.batch  # images at once; shrinks when the memory does not suffice
        self.cores = Cores(device)
        has_graphs = device.make_graphs and device.is_cuda and config.graphs
        self.graphs = device.make_graphs() if has_graphs and device.make_graphs else PlainSteps()
        self._order: tuple[int, torch.Tensor] | None = None

    @abstractmethod
    def train_step(self, step: int, progress: float) -> Losses:
        """(step number from 0, share of the run that is done) -> losses, after one step."""

    @abstractmethod
    def state_parts(self) -> dict[str, Any]:
        """Name everything with a state_dict that a resumed run needs."""

    @abstractmethod
    def samplers(self) -> dict[str, nn.Module]:
        """Name the networks that samples may be drawn from, in eval mode, the best first."""

    def sampler(self) -> nn.Module:
        """The network that samples are drawn from where nothing was measured."""
        return next(iter(self.samplers().values()))

    def export(self) -> dict[str, torch.Tensor]:
        """The weights of that network."""
        return self.sampler().state_dict()

    def is_finite(self) -> bool:
        """Tell whether no weight is infinite or NaN; waits for the device."""
        sums = torch.stack([weight.detach().double().sum() for weight in self.export().values()])
        return bool(sums.isfinite().all())

    def validate(self) -> dict[str, float]:
        """Measure held-out images, where the recipe has any; the least "score" is best."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """All parts' states."""
        states = {name: part.state_dict() for name, part in self.state_parts().items()}
        return {"parts": states, "rate_scale": self.lr_scale, "micro": self.micro_batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore all parts from a state of state_dict."""
        for name, part in self.state_parts().items():
            if own := state["parts"][name]:  # of a gradient scaler that was off there is none
                part.load_state_dict(own)
        self.lr_scale = float(state["rate_scale"])
        self.micro_batch = int(state["micro"])

    def pick_batch(self, step: int) -> torch.Tensor:
        """A step -> (batch, C, 32, 32) uint8."""
        return self.images[self.pick_numbers(step)]

    def pick_numbers(self, step: int) -> torch.Tensor:
        """A step -> (batch,) numbers of images; each epoch is an order of its own, drop-last."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self.seed_of("order", epoch))
            order = torch.randperm(len(self.images), generator=generator)
            self._order = (epoch, order.to(self.images.device))
        return self._order[1][place * self.batch : (place + 1) * self.batch]

    def seed_of(self, purpose: str, step: int) -> int:
        """(what for, step) -> a seed that depends on nothing else but the run's seed."""
        return derive_seed(self.config.seed, f"train/{purpose}", step)

    def generator_of(self, purpose: str, step: int) -> torch.Generator:
        """(what for, step) -> a freshly seeded generator on the device."""
        generator = torch.Generator(self.images.device)
        return generator.manual_seed(self.seed_of(purpose, step))

    def backward_in_parts(
        self,
        name: str,
        parameters: Iterable[nn.Parameter],
        loss_of: LossOf,
        inputs: list[torch.Tensor],
        is_divisible: bool = True,
    ) -> Losses:
        """(step's name, weights, loss, its inputs) -> gradients in the weights, mean losses.

        `loss_of` sees a slice of each input, whole ones where they are scalars, and reads nothing
        else that differs from step to step, for on a GPU a graph of its kernels is replayed. Each
        rank takes its slice, and on a CPU each core a part of that, unless a
        normalisation ties the batch together. The gradients add up to those of the whole batch.
        Where the memory does not suffice the parts are halved and the step begins again; its
        randomness was drawn before.
        """
        weights = list(parameters)
        compute = partial(self._compute_gradients, weights, loss_of, is_divisible)
        while True:
            try:
                gradients, losses = self.graphs.run(name, compute, inputs, self._list_buffers)
                if is_divisible:
                    self.ranks.all_reduce([*gradients, *losses.values()])
                break
            except torch.OutOfMemoryError:
                for weight in weights:
                    weight.grad = None
                self._make_room()
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        return losses

    def _make_room(self) -> None:
        """After a lack of memory give up graphs, or take half as many images at once."""
        if self.graphs.free():
            return
        if self.micro_batch == 1:
            raise PipelineError(
                "train",
                "out of memory with a single image at once",
                cure="--set width=... smaller",
            ) from None
        self.micro_batch = -(-self.micro_batch // 2)
        log("train", f"out of memory: {self.micro_batch} images at once from here on")
        if self.device.is_cuda:
            torch.cuda.empty_cache()

    def _list_buffers(self) -> list[torch.Tensor]:
        networks = [part for part in self.state_parts().values() if isinstance(part, nn.Module)]
        return [buffer for network in networks for buffer in network.buffers()]

    def _compute_gradients(
        self,
        weights: list[nn.Parameter],
        loss_of: LossOf,
        is_divisible: bool,
        inputs: list[torch.Tensor],
    ) -> tuple[list[torch.Tensor], Losses]:
        """Gradients that lie in memory as their weights do, and losses, of this rank's slice."""
        own = self.ranks.slice_of(self.batch) if is_divisible else slice(0, self.batch)
        most = -(-(own.stop - own.start) // self.cores.count) if is_divisible else self.batch
        step = min(self.micro_batch, most)
        parts = [slice(at, min(at + step, own.stop)) for at in range(own.start, own.stop, step)]

        def differentiate(part: slice) -> tuple[list[torch.Tensor], Losses]:
            share = (part.stop - part.start) / self.batch
            loss, losses = loss_of(*(given[part] if given.ndim else given for given in inputs))
            gradients = torch.autograd.grad(loss * share, weights)
            return list(gradients), {name: loss.detach() * share for name, loss in losses.items()}

        sums: list[torch.Tensor] = []
        total: Losses = {}
        for start in range(0, len(parts), self.cores.count):
            for found in self.cores.map(differentiate, parts[start : start + self.cores.count]):
                if sums:
                    torch._foreach_add_(sums, found[0])
                else:
                    sums = [
                        _lay_out(g, weight) for g, weight in zip(found[0], weights, strict=True)
                    ]
                for name, value in found[1].items():
                    total[name] = total[name] + value if name in total else value
        return sums, total


def _lay_out(gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A gradient -> the same with its weight's strides, as a GPU's fused Adam demands."""
    if gradient.stride() == weight.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)
