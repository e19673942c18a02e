"""Real images -> denoising steps of the edm recipe (arXiv:2206.00364), and its held-out loss."""

from typing import Any

import numpy as np
import torch

from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.edm.denoiser import Denoiser, as_scale
from lib.kernel.recipes.edm.losses import denoising_loss, draw_sigmas
from lib.kernel.recipes.edm.preset import EDM_PRESET
from lib.kernel.recipes.edm.unet import UNetShape
from lib.kernel.training.ema import ShareEma
from lib.kernel.training.hold_out import hold_out
from lib.kernel.training.optimise import (
    is_all_finite,
    make_adam,
    make_scaler,
    set_lr,
    use_channels_last,
)
from lib.kernel.training.schedule import take_clipped_step, warm_up_and_anneal
from lib.kernel.training.trainer import Losses, Trainer

CLIP = 1.0  # greatest Euclidean length of a step's gradient
SHARES = {"average": 0.08, "short average": 0.02}  # half-lives in shares of the run so far


class EdmTrainer(Trainer):
    """Trains by Adam on noisy pictures; samples are drawn from averages of the weights."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        learnt, held_out = hold_out(images, config.seed)
        config = EDM_PRESET.sizes.settle(config, device.is_cuda)
        super().__init__(learnt, config, device)
        place = device.torch_device
        self._held_out = torch.from_numpy(held_out).to(place)
        shape = UNetShape(images.shape[1], config.width, config.depth, images.shape[-1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of("weights", 0))
            self.model = Denoiser(shape).to(place)
        use_channels_last(self.model.parameters())
        self.model.measure(self.images)
        log("train", f"sigma_data {float(self.model.sigma_data):.3f} (measured; pictures in -1..1)")
        self.emas = {name: ShareEma(self.model, share) for name, share in SHARES.items()}
        betas = (config.beta1, config.beta2)
        self._adam = make_adam(device, self.model.parameters(), config.lr, betas)
        self._scaler = make_scaler(device)

    def train_step(self, step: int, progress: float) -> Losses:
        """Take one step; its rate follows `progress`: a short rise, then half a cosine to zero."""
        set_lr(self._adam, warm_up_and_anneal(self.config.lr * self.lr_scale, progress))
        clean = self.model.normalise(self.pick_batch(step))
        random = self.random_of("noise", step)
        start = torch.rand((), generator=random, device=random.device)
        noise = torch.randn(clean.shape, generator=random, device=random.device)
        sigmas = spread_sigmas(start, self.batch)

        parameters = list(self.model.parameters())
        found = self.backward_in_parts("edm", parameters, self._scaled_loss, [clean, noise, sigmas])
        take_clipped_step(self._scaler, [self._adam], parameters, CLIP)
        for ema in self.emas.values():
            ema.update(self.model)
        return found

    def state_parts(self) -> dict[str, Any]:
        """Return the model, its averages, the optimiser and the gradient scaler, by name."""
        own = {"model": self.model, "adam": self._adam, "scaler": self._scaler}
        return {**own, **self.emas}

    def samplers(self) -> dict[str, torch.nn.Module]:
        """Return the averages, which are always in eval mode, by name."""
        return {name: ema.network for name, ema in self.emas.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Measure the first average's loss on the held-out images, always under the same noise."""
        if not len(self._held_out):
            return {}
        clean = self.model.normalise(self._held_out)
        random = self.random_of("held out", 0)
        noise = torch.randn(clean.shape, generator=random, device=random.device)
        sigmas = spread_sigmas(torch.tensor(0.5, device=random.device), len(clean))
        total = 0.0
        for at in range(0, len(clean), 64):
            part = slice(at, at + 64)
            loss = self._loss(self.sampler(), clean[part], noise[part], sigmas[part])
            total += float(loss) * len(clean[part])
        return {"held_out_denoising": total / len(clean), "score": total / len(clean)}

    def is_finite(self) -> bool:
        """Tell whether the weights and their average are finite."""
        return is_all_finite(self.model.parameters()) and super().is_finite()

    def _scaled_loss(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, Losses]:
        """(pictures, noise, noise levels) of a part -> its scaled loss, the loss to report."""
        loss = self._loss(self.model, *inputs)
        return self._scaler.scale(loss), {"denoising": loss}

    def _loss(
        self,
        model: torch.nn.Module,
        clean: torch.Tensor,
        noise: torch.Tensor,
        sigmas: torch.Tensor,
    ) -> torch.Tensor:
        """(B, C, S, S) normalised, unit noise of that shape, (B,) -> mean weighted error."""
        noisy = clean + as_scale(sigmas) * noise
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        with self.device.autocast():
            denoised = model(noisy, sigmas)
        return denoising_loss(denoised, clean, sigmas, self.model.sigma_data)


def spread_sigmas(start: torch.Tensor, count: int) -> torch.Tensor:
    """(a number in [0, 1), B) -> (B,) noise levels, evenly spread over their distribution.

    Each level alone is a random draw; together they vary less (arXiv:2107.00630, appendix I.1).
    """
    even = torch.arange(count, device=start.device) / count
    return draw_sigmas(((start + even) % 1.0).clamp(1e-5, 1.0 - 1e-5))
