"""Critic and generator steps of the public recipes: WGAN-GP (arXiv:1704.00028)."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.wgan_gp.critic import Critic
from lib.kernel.recipes.wgan_gp.losses import (
    critic_loss,
    generator_loss,
    gradient_penalty,
    mix_pictures,
)
from lib.kernel.training.adversarial import AdversarialTrainer
from lib.kernel.training.trainer import Losses


class WganTrainer(AdversarialTrainer):
    """Trains by critic steps, and a generator step after every n_critic of them."""

    critic: Critic

    def __init__(
        self,
        images: np.ndarray,
        config: Config,
        device: Device,
        build_generator: Callable[[Config, int], nn.Module],
        build_critic: Callable[[Config, int], Critic],
    ) -> None:
        """Build the two networks by functions of (Config, picture channels)."""
        channels = images.shape[1]
        super().__init__(
            *(images, config, device),
            build=lambda: (build_generator(config, channels), build_critic(config, channels)),
            lr=config.lr,
            betas=(config.beta1, config.beta2),
        )
        batch_norms = [p for p in self.generator.modules() if isinstance(p, nn.BatchNorm2d)]
        self._is_tied = bool(batch_norms)  # then a fake depends on the whole batch of latents

    def train_step(self, step: int, progress: float) -> Losses:
        """Take one critic step, and a generator step where it is due."""
        self.set_rates(self.config.lr * self.lr_scale)
        found = self._step_critic(step)
        if (step + 1) % self.config.n_critic == 0:
            found |= self._step_generator(step)
        return found

    def export(self) -> dict[str, torch.Tensor]:
        """Return the generator's weights without changing its mode."""
        return self.generator.state_dict()

    def samplers(self) -> dict[str, nn.Module]:
        """Return the generator in eval mode, so that a sample ignores the rest of its batch."""
        return {"generator": self.generator.eval()}

    def _step_critic(self, step: int) -> Losses:
        """Step the critic on a new real batch and new fakes: arXiv:1704.00028 eq. 3."""
        random = self.generator_of("critic", step)
        real = self.pick_batch(step).float().div_(127.5).sub_(1.0)
        real = real.contiguous(memory_format=torch.channels_last)
        latents = self._draw_latents(random)
        share = torch.rand(self.batch, generator=random, device=real.device)
        source = self.cores.map(self._make_fake, [latents])[0] if self._is_tied else latents
        return self.step_critic_by(self._critic_loss, [real, source, share])

    def _step_generator(self, step: int) -> Losses:
        """Step the generator on new latents; the gradient passes through the critic."""
        latents = self._draw_latents(self.generator_of("generator", step))
        return self.step_generator_by(self._generator_loss, [latents], not self._is_tied)

    def _critic_loss(
        self, real: torch.Tensor, source: torch.Tensor, share: torch.Tensor
    ) -> tuple[torch.Tensor, Losses]:
        """(real pictures, latents or, if a norm ties them, fakes, (B,)) -> scaled loss, losses."""
        fake = source if self._is_tied else self._make_fake(source)
        with self.device.autocast():  # neither critic ties a batch's pictures together
            scores = self.critic(torch.cat([real, fake]))
        difference = critic_loss(*scores.chunk(2))
        between = mix_pictures(real, fake, share)
        penalty = gradient_penalty(self.critic.gradient(between))  # float32 on purpose
        total = difference + self.config.gp_weight * penalty
        return self._critic_scaler.scale(total), {"critic": difference, "penalty": penalty}

    def _generator_loss(self, latents: torch.Tensor) -> tuple[torch.Tensor, Losses]:
        """(B, latent, 1, 1) -> scaled loss, the loss to report."""
        with self.device.autocast():
            loss = generator_loss(self.critic(self.generator(latents)))
        return self._generator_scaler.scale(loss), {"generator": loss}

    @torch.no_grad()
    def _make_fake(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, latent, 1, 1) -> (B, C, 32, 32) float32 in [-1, 1], without a graph."""
        with self.device.autocast():
            return self.generator(latents).float()

    def _draw_latents(self, random: torch.Generator) -> torch.Tensor:
        shape = (self.batch, self.config.latent_dim, 1, 1)
        return torch.randn(shape, generator=random, device=random.device)
