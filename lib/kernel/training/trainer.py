"""The base of every recipe's trainer: batches, and gradients in parts that fit the memory.

A recipe adds its networks and `train_step` in lib/kernel/recipes/NAME/trainer.py. The base of
those with a generator and a critic is in adversarial.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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

LossOf = Callable[..., tuple[torch.Tensor, Losses]]  # a part's inputs -> mean loss, to report


class Trainer(ABC):
    """One recipe's networks, optimisers and step; the loop around it is in train.py."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        """Keep (N, C, S, S) uint8 images on the device as bytes."""
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
        self.lr_scale = 1.0  # smaller after a divergence
        self.micro_batch = self.batch  # images at once; smaller where the memory does not suffice
        self.cores = Cores(device)
        has_graphs = device.make_graphs and device.is_cuda and config.graphs
        self.graphs = device.make_graphs() if has_graphs and device.make_graphs else PlainSteps()
        self._order: tuple[int, torch.Tensor] | None = None

    @abstractmethod
    def train_step(self, step: int, progress: float) -> Losses:
        """Take one step, counted from 0, at a share of the run; return its losses."""

    @abstractmethod
    def state_parts(self) -> dict[str, Any]:
        """Return everything with a state_dict that a resumed run needs, by name."""

    @abstractmethod
    def samplers(self) -> dict[str, nn.Module]:
        """Return the networks to draw samples from, by name, in eval mode, the best first."""

    def sampler(self) -> nn.Module:
        """Return the network that samples are drawn from where nothing was measured."""
        return next(iter(self.samplers().values()))

    def export(self) -> dict[str, torch.Tensor]:
        """Return the weights of `sampler`."""
        return self.sampler().state_dict()

    def is_finite(self) -> bool:
        """Tell whether no weight is infinite or NaN; this waits for the device."""
        sums = torch.stack([weight.detach().double().sum() for weight in self.export().values()])
        return bool(sums.isfinite().all())

    def validate(self) -> dict[str, float]:
        """Measure the loss on held-out images, if the recipe has any; the least "score" is best."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all parts."""
        states = {name: part.state_dict() for name, part in self.state_parts().items()}
        return {"parts": states, "rate_scale": self.lr_scale, "micro": self.micro_batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore all parts from a state of state_dict."""
        for name, part in self.state_parts().items():
            if own := state["parts"][name]:  # empty for a gradient scaler that was off
                part.load_state_dict(own)
        self.lr_scale = float(state["rate_scale"])
        self.micro_batch = int(state["micro"])

    def pick_batch(self, step: int) -> torch.Tensor:
        """A step -> the (batch, C, S, S) uint8 images of its batch."""
        return self.images[self.pick_numbers(step)]

    def pick_numbers(self, step: int) -> torch.Tensor:
        """A step -> the (batch,) indices of its images; each epoch has its own order, drop-last."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            random = torch.Generator().manual_seed(self.seed_of("order", epoch))
            order = torch.randperm(len(self.images), generator=random)
            self._order = (epoch, order.to(self.images.device))
        return self._order[1][place * self.batch : (place + 1) * self.batch]

    def seed_of(self, purpose: str, step: int) -> int:
        """(purpose, step) -> a seed that depends only on these and the run's seed."""
        return derive_seed(self.config.seed, f"train/{purpose}", step)

    def random_of(self, purpose: str, step: int) -> torch.Generator:
        """(purpose, step) -> newly seeded random numbers on the device."""
        return torch.Generator(self.images.device).manual_seed(self.seed_of(purpose, step))

    def backward_in_parts(
        self,
        name: str,
        parameters: Iterable[nn.Parameter],
        loss_of: LossOf,
        inputs: list[torch.Tensor],
        is_divisible: bool = True,
    ) -> Losses:
        """Compute the gradients of a step's loss into the weights; return its mean losses.

        On one device with enough memory all this equals:

            loss, losses = loss_of(*inputs)
            loss.backward()

        The rest only divides the batch among GPUs and CPU cores, unless a normalisation ties it
        together, and into parts where the memory does not suffice; it adds up their gradients.
        `loss_of` gets a slice of each input, or all of a scalar. It must read nothing else that
        differs from step to step, because on a GPU a graph of its kernels is replayed. The
        optimiser's step is the caller's: of a generator and a critic it is in adversarial.py.
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
        """Give up graphs, or halve the images at once, after memory ran out."""
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
        """Compute this rank's slice; return gradients, laid out as their weights, and losses."""
        own = self.ranks.slice_of(self.batch) if is_divisible else slice(0, self.batch)
        most = -(-(own.stop - own.start) // self.cores.count) if is_divisible else self.batch
        size = min(self.micro_batch, most)
        parts = [slice(at, min(at + size, own.stop)) for at in range(own.start, own.stop, size)]

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


@contextmanager
def keep_modes(trainer: Trainer) -> Iterator[None]:
    """Restore each network's training or eval mode after the block, in which samples are drawn."""
    parts = [part for part in trainer.state_parts().values() if isinstance(part, nn.Module)]
    modes = [part.training for part in parts]
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.train(mode)


def _lay_out(gradient: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A gradient -> the same with its weight's strides, as fused Adam on a GPU needs."""
    if gradient.stride() == weight.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)
