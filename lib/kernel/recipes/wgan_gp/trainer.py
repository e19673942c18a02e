"""Critic and generator steps of the public recipes: WGAN-GP (arXiv:1704.00028)."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.wgan_gp.critic import Critic
from lib.kernel.recipes.wgan_gp.losses import (
    fake_minus_real,
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
        # A norm over the batch ties it together: each fake depends on all latents. Then fakes are
        # made of the whole batch before it is divided; see backward_in_parts.
        self._is_tied = bool(batch_norms)

    def train_step(self, step: int, progress: float) -> Losses:
        """Take one critic step, and after every n_critic of them one generator step.

        A step is a critic step, and an epoch shows the critic each picture once: 60,000 pictures in
        batches of 64 are 937 steps, in which the generator takes 187.
        """
        self.set_rates(self.config.lr * self.lr_scale)
        found = self._step_critic(step)
        if (step + 1) % self.config.n_critic == 0:
            found |= self._step_generator(step)
        return found

    def export(self) -> dict[str, torch.Tensor]:
        """Return the generator's weights; `sampler` would put it into eval mode."""
        return self.generator.state_dict()

    def samplers(self) -> dict[str, nn.Module]:
        """Put the generator into eval mode, so that a sample ignores its batch, and return it.

        Who draws samples in training calls .train() afterwards.
        """
        return {"generator": self.generator.eval()}

    def _step_critic(self, step: int) -> Losses:
        """Step the critic on a new real batch and new fakes."""
        random = self.random_of("critic", step)
        real = self.pick_batch(step).float().div_(127.5).sub_(1.0)
        real = real.contiguous(memory_format=torch.channels_last)
        latents = self._draw_latents(random)
        share = torch.rand(self.batch, generator=random, device=real.device)
        source = self.cores.map(self._make_fake, [latents])[0] if self._is_tied else latents
        return self.update_critic(self._critic_loss, [real, source, share])

    def _step_generator(self, step: int) -> Losses:
        """Step the generator on new latents; the gradient passes through the critic."""
        latents = self._draw_latents(self.random_of("generator", step))
        return self.update_generator(self._generator_loss, [latents], not self._is_tied)

    def _critic_loss(
        self, real: torch.Tensor, source: torch.Tensor, share: torch.Tensor
    ) -> tuple[torch.Tensor, Losses]:
        """Compute L of losses.py, scaled for float16, and the losses to report.

        `real` are pictures, `source` is latents, or fakes if they are tied, `share` is t, (B,).
        """
        fake = source if self._is_tied else self._make_fake(source)
        with self.device.autocast():  # one pass for both is safe: the critic has no BatchNorm
            scores = self.critic(torch.cat([real, fake]))
        difference = fake_minus_real(*scores.chunk(2))
        between = mix_pictures(real, fake, share)
        # In float32: in half precision the squares of small gradients vanish.
        penalty = gradient_penalty(self.critic.gradient(between))
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
