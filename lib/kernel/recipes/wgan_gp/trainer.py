"""Real images -> critic and generator steps of the public recipes, WGAN-GP (arXiv:1704.00028)."""

from typing import Any

import numpy as np
import torch
from torch import nn

from lib.kernel.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.wgan_gp.networks import build_critic, build_generator
from lib.kernel.training import losses
from lib.kernel.training.trainer import Losses, Trainer


class WganTrainer(Trainer):
    """A step is a critic step; after each n_critic of them the generator makes one."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        super().__init__(images, config, device)
        channels, place = images.shape[1], device.torch_device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of("weights", 0))
            self.generator = build_generator(config, channels).to(place)
            self.critic = build_critic(config, channels).to(place)
        for weight in (*self.generator.parameters(), *self.critic.parameters()):
            if weight.ndim == 4:  # convolutions on both kinds of device run faster this way
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        batch_norms = [p for p in self.generator.modules() if isinstance(p, nn.BatchNorm2d)]
        self._is_tied = bool(batch_norms)  # a fake then depends on the whole batch of latents
        betas = (config.beta1, config.beta2)
        faster = {"fused": True} if device.is_cuda else {"foreach": True}
        self._critic_adam = torch.optim.Adam(self.critic.parameters(), config.lr, betas, **faster)
        self._generator_adam = torch.optim.Adam(
            self.generator.parameters(), config.lr, betas, **faster
        )
        scaled = device.amp_dtype is torch.float16
        self._critic_scaler = torch.amp.GradScaler(place.type, enabled=scaled)
        self._generator_scaler = torch.amp.GradScaler(place.type, enabled=scaled)

    def train_step(self, step: int, progress: float) -> Losses:
        """One critic step, and a generator step where it is due."""
        self._set_rates()
        found = self._step_critic(step)
        if (step + 1) % self.config.n_critic == 0:
            found |= self._step_generator(step)
        return found

    def state_parts(self) -> dict[str, Any]:
        """Both networks, their optimisers and gradient scalers."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "critic_adam": self._critic_adam,
            "generator_adam": self._generator_adam,
            "critic_scaler": self._critic_scaler,
            "generator_scaler": self._generator_scaler,
        }

    def export(self) -> dict[str, torch.Tensor]:
        """The generator's weights; its mode stays as it is."""
        return self.generator.state_dict()

    def samplers(self) -> dict[str, nn.Module]:
        """The generator, which neither recipe averages, so that samples ignore their neighbours."""
        return {"generator": self.generator.eval()}

    def is_finite(self) -> bool:
        """Whether all weights of both networks are finite."""
        sums = [weight.detach().sum() for weight in self.critic.parameters()]
        return bool(torch.stack(sums).isfinite().all()) and super().is_finite()

    def _step_critic(self, step: int) -> Losses:
        """A fresh real batch against fresh fakes: arXiv:1704.00028 eq. 3."""
        random = self.generator_of("critic", step)
        real = self.pick_batch(step).float().div_(127.5).sub_(1.0)
        real = real.contiguous(memory_format=torch.channels_last)
        latents = self._draw_latents(random)
        share = torch.rand(self.batch, generator=random, device=real.device)
        source = self.cores.map(self._make_fake, [latents])[0] if self._is_tied else latents
        weights = self.critic.parameters()
        found = self.backward_in_parts("critic", weights, self._critic_loss, [real, source, share])
        self._critic_scaler.step(self._critic_adam)
        self._critic_scaler.update()
        return found

    def _step_generator(self, step: int) -> Losses:
        """Fresh latents; the gradient passes through the critic, whose weights need none."""
        latents = self._draw_latents(self.generator_of("generator", step))

        weights, is_divisible = self.generator.parameters(), not self._is_tied
        found = self.backward_in_parts(
            "generator", weights, self._generator_loss, [latents], is_divisible
        )
        self._generator_scaler.step(self._generator_adam)
        self._generator_scaler.update()
        return found

    def _critic_loss(
        self, real: torch.Tensor, source: torch.Tensor, share: torch.Tensor
    ) -> tuple[torch.Tensor, Losses]:
        """Real pictures, latents or, where these are tied, fakes, (B,) in [0, 1] -> scaled loss."""
        fake = source if self._is_tied else self._make_fake(source)
        with self._autocast():  # nothing in either critic ties the pictures of a batch together
            scores = self.critic(torch.cat([real, fake]))
        difference = losses.critic_loss(*scores.chunk(2))
        between = losses.mix_pictures(real, fake, share)
        penalty = losses.gradient_penalty(self.critic.gradient(between))  # float32 on purpose
        total = difference + self.config.gp_weight * penalty
        return self._critic_scaler.scale(total), {"critic": difference, "penalty": penalty}

    def _generator_loss(self, latents: torch.Tensor) -> tuple[torch.Tensor, Losses]:
        """(B, latent, 1, 1) -> scaled loss, the loss to report."""
        with self._autocast():
            loss = losses.generator_loss(self.critic(self.generator(latents)))
        return self._generator_scaler.scale(loss), {"generator": loss}

    @torch.no_grad()
    def _make_fake(self, latents: torch.Tensor) -> torch.Tensor:
        """(B, latent, 1, 1) -> (B, C, 32, 32) float32 in [-1, 1] without a graph."""
        with self._autocast():
            return self.generator(latents).float()

    def _draw_latents(self, random: torch.Generator) -> torch.Tensor:
        shape = (self.batch, self.config.latent_dim, 1, 1)
        return torch.randn(shape, generator=random, device=random.device)

    def _set_rates(self) -> None:
        for adam in (self._critic_adam, self._generator_adam):
            for group in adam.param_groups:
                group["lr"] = self.config.lr * self.lr_scale

    def _autocast(self) -> torch.autocast:
        dtype = self.device.amp_dtype
        return torch.autocast(self.device.torch_device.type, dtype, enabled=dtype is not None)
