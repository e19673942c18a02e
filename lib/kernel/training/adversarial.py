"""What trainers of a generator and a critic share: networks, optimisers and their state."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.training.optimise import (
    is_all_finite,
    make_adam,
    make_scaler,
    set_lr,
    take_step,
    use_channels_last,
)
from lib.kernel.training.trainer import Losses, LossOf, Trainer


class AdversarialTrainer(Trainer):
    """A generator and a critic, each with its Adam and its gradient scaler."""

    def __init__(
        self,
        images: np.ndarray,
        config: Config,
        device: Device,
        build: Callable[[], tuple[nn.Module, nn.Module]],
        lr: float,
        betas: tuple[float, float],
    ) -> None:
        """Build generator and critic by `build`, seeded by the run, and their optimisers."""
        super().__init__(images, config, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of("weights", 0))
            generator, critic = build()
        self.generator = generator.to(device.torch_device)
        self.critic = critic.to(device.torch_device)
        use_channels_last(self._list_weights())
        self._critic_adam = make_adam(device, self.critic.parameters(), lr, betas)
        self._generator_adam = make_adam(device, self.generator.parameters(), lr, betas)
        self._critic_scaler = make_scaler(device)
        self._generator_scaler = make_scaler(device)

    def state_parts(self) -> dict[str, Any]:
        """Return both networks, their optimisers and gradient scalers, by name."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "critic_adam": self._critic_adam,
            "generator_adam": self._generator_adam,
            "critic_scaler": self._critic_scaler,
            "generator_scaler": self._generator_scaler,
        }

    def is_finite(self) -> bool:
        """Tell whether the weights of both networks and of the sampling network are finite."""
        return is_all_finite(self._list_weights()) and super().is_finite()

    def set_rates(self, lr: float, betas: tuple[float, float] | None = None) -> None:
        """Set both optimisers' learning rate, and their betas if given."""
        for adam in (self._critic_adam, self._generator_adam):
            set_lr(adam, lr, betas)

    def update_critic(self, loss_of: LossOf, inputs: list[torch.Tensor]) -> Losses:
        """Compute the critic's gradients and step its Adam; return the mean losses."""
        found = self.backward_in_parts("critic", self.critic.parameters(), loss_of, inputs)
        take_step(self._critic_scaler, [self._critic_adam])
        return found

    def update_generator(
        self, loss_of: LossOf, inputs: list[torch.Tensor], is_divisible: bool = True
    ) -> Losses:
        """Compute the generator's gradients and step its Adam; return the mean losses.

        The gradient passes through the critic, but its weights get none.
        """
        weights = self.generator.parameters()
        found = self.backward_in_parts("generator", weights, loss_of, inputs, is_divisible)
        take_step(self._generator_scaler, [self._generator_adam])
        return found

    def _list_weights(self) -> tuple[nn.Parameter, ...]:
        return (*self.generator.parameters(), *self.critic.parameters())
