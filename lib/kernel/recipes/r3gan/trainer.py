"""Critic and generator steps of R3GAN (arXiv:2501.05441), and averages of the generator."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.r3gan.augment import Mover, measure_symmetries, move_pixels
from lib.kernel.recipes.r3gan.losses import pairing_loss, score_gap, zero_gradient_penalty
from lib.kernel.recipes.r3gan.networks import R3ganCritic, R3ganGenerator
from lib.kernel.recipes.r3gan.preset import R3GAN_PRESET
from lib.kernel.training.adversarial import AdversarialTrainer
from lib.kernel.training.ema import ShareEma
from lib.kernel.training.trainer import Losses

BURN_IN = 0.5  # share of the run after which every schedule has ended
RATE_WIDTH = 128  # width that the learning rate is meant for; narrower networks take larger steps
RATE_END = 0.25  # of the learning rate
PENALTY_END = 0.1  # of the penalty's weight
BETA2_START = 0.9
AUGMENT_END = 0.55  # chance of each kind of change
HALF_LIVES = (0.05, 0.15, 0.02)  # shares of the run so far; the first is the default


class R3ganTrainer(AdversarialTrainer):
    """Trains by one critic step and one generator step in turn, as in the paper's algorithm.

    Every schedule depends on the share of the run that is done, whatever the run's length.
    """

    generator: R3ganGenerator
    critic: R3ganCritic

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        config = R3GAN_PRESET.sizes.settle(config, device.is_cuda)
        channels, latent, side = images.shape[1], config.latent_dim, images.shape[-1]
        rate = config.lr * math.sqrt(RATE_WIDTH / config.width)

        def build() -> tuple[nn.Module, nn.Module]:
            own = R3ganGenerator(latent, config.width, channels, side)
            return own, R3ganCritic(config.width, channels, side)

        super().__init__(images, config, device, build, lr=rate, betas=(config.beta1, BETA2_START))
        log("train", f"learning rate {rate:.2g} (lr is meant for width {RATE_WIDTH})")
        self._rate = rate
        symmetries = measure_symmetries(images, config.seed)
        place = device.torch_device
        self._mover = Mover(symmetries, side, place) if symmetries else None
        self.averages = {
            f"average of {share:.0%}": ShareEma(self.generator, share) for share in HALF_LIVES
        }

    def train_step(self, step: int, progress: float) -> Losses:
        """Take one critic step, then one generator step."""
        rate = self._rate * self.lr_scale * anneal(1.0, RATE_END, progress)
        betas = (self.config.beta1, anneal(BETA2_START, self.config.beta2, progress))
        self.set_rates(rate, betas)
        found = self._step_critic(step, progress)
        found |= self._step_generator(step, progress)
        for average in self.averages.values():
            average.update(self.generator)
        return found

    def state_parts(self) -> dict[str, Any]:
        """Return both networks, optimisers, gradient scalers and the averages, by name."""
        return {**super().state_parts(), **self.averages}

    def samplers(self) -> dict[str, nn.Module]:
        """Return the averages of the generator, which are always in eval mode, by name."""
        return {name: average.network for name, average in self.averages.items()}

    def _step_critic(self, step: int, progress: float) -> Losses:
        """Step the critic on new pairs of real and fake pictures: arXiv:2501.05441 eq. 2, R1, R2.

        Augmented pictures have the same pixels in other places. So gradients by them are as long
        as gradients by the original pictures.
        """
        random = self.random_of("critic", step)
        real, normals = self._as_pictures(self.pick_batch(step)), self._draw_normals(random)
        places = self._draw_places(random, progress)
        weight = self.config.gp_weight * anneal(1.0, PENALTY_END, progress)
        inputs = [real, normals, torch.full((), weight, device=real.device), *places]
        return self.update_critic(self._critic_loss, inputs)

    def _step_generator(self, step: int, progress: float) -> Losses:
        """Step the generator on new pairs; the gradient passes through the critic."""
        random = self.random_of("generator", step)
        chosen = torch.randint(
            len(self.images), (self.batch,), generator=random, device=random.device
        )
        real, normals = self._as_pictures(self.images[chosen]), self._draw_normals(random)
        places = self._draw_places(random, progress)
        return self.update_generator(self._generator_loss, [real, normals, *places])

    def _critic_loss(
        self,
        real: torch.Tensor,
        normals: torch.Tensor,
        weight: torch.Tensor,
        places: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, Losses]:
        """(real pictures, normals of fakes, the penalty's weight, moves) -> scaled loss, losses."""
        with torch.no_grad(), self.device.autocast():
            fake = self.generator(normals)
        both = self._change(torch.cat([real, fake]), places)
        with self.device.autocast():
            scores, slopes = self.critic.score_and_gradient(both)
        difference = pairing_loss(*scores.chunk(2))
        on_real, on_fake = map(zero_gradient_penalty, slopes.chunk(2))
        total = difference + weight * (on_real + on_fake)
        gap = score_gap(*scores.chunk(2))
        found = {"critic": difference, "gap": gap, "r1": on_real, "r2": on_fake}
        return self._critic_scaler.scale(total), found

    def _generator_loss(
        self, real: torch.Tensor, normals: torch.Tensor, places: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Losses]:
        """(real pictures, normals of fakes, moves) -> scaled loss, the loss to report."""
        with self.device.autocast():
            fake = self.generator(normals)
            both = self._change(torch.cat([real, fake]), places)
            of_real, of_fake = self.critic(both).chunk(2)
        loss = pairing_loss(of_fake, of_real)
        return self._generator_scaler.scale(loss), {"generator": loss}

    def _draw_normals(self, random: torch.Generator) -> torch.Tensor:
        shape = (self.batch, self.generator.numbers)
        return torch.randn(shape, generator=random, device=random.device)

    def _draw_places(self, random: torch.Generator, progress: float) -> list[torch.Tensor]:
        """Draw (batch, 2, S S) moves for the real and the fake picture of each pair, if any."""
        if self._mover is None:
            return []
        chance = anneal(0.0, AUGMENT_END, progress)
        return [self._mover.draw_places(2 * self.batch, chance, random).view(self.batch, 2, -1)]

    @staticmethod
    def _change(both: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
        """Real pictures followed by fake ones -> the same with their pixels moved."""
        if places is None:
            return both
        return move_pixels(both, places.transpose(0, 1).flatten(0, 1))

    @staticmethod
    def _as_pictures(images: torch.Tensor) -> torch.Tensor:
        """(B, C, S, S) uint8 -> float32 in [-1, 1]."""
        return images.float().div_(127.5).sub_(1.0)


def anneal(start: float, end: float, progress: float) -> float:
    """(start, end, share of the run) -> half a cosine from start to end at BURN_IN, then end."""
    done = min(max(progress, 0.0) / BURN_IN, 1.0)
    return end + (start - end) * (0.5 + 0.5 * math.cos(math.pi * done))
