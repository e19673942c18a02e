"""Real images -> maximum-likelihood steps of the pixel model, and its held-out measure."""

import math
from typing import Any

import numpy as np
import torch

from lib.kernel.config import Config
from lib.kernel.ema import Ema
from lib.kernel.learner import Learner, Losses
from lib.kernel.losses import pixel_nll
from lib.kernel.pixel import PixelModel, PixelShape
from lib.kernel.progress import log
from lib.kernel.runtime import Device

HELD_OUT_SHARE = 0.02
HELD_OUT_MOST = 512  # images
HELD_OUT_PLACES = 64  # pixels of each: all of them would take as long as a minute of training
WARM_UP = 0.02  # share of the run until the learning rate is full
CLIP = 1.0  # Euclidean length of a step's gradient at most


class PixelLearner(Learner):
    """AdamW on random pixels of a random batch; the samples come from the weights' average."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        held_out = min(HELD_OUT_MOST, int(len(images) * HELD_OUT_SHARE))
        order = np.random.default_rng(config.seed).permutation(len(images))
        super().__init__(images[np.sort(order[held_out:])], config, device)
        place = device.torch_device
        self._held_out = torch.from_numpy(images[np.sort(order[:held_out])]).to(place)
        if held_out:
            log("train", f"{held_out} images held out: their likelihood chooses the weights")
        shape = PixelShape(images.shape[1], config.width, config.depth, images.shape[-1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of("weights", 0))
            self.model = PixelModel(shape).to(place)
        self.ema = Ema(self.model, config.ema_decay)
        decayed = [weight for weight in self.model.parameters() if weight.ndim > 1]
        others = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed},
            {"params": others, "weight_decay": 0.0},
        ]
        faster = {"fused": True} if device.is_cuda else {"foreach": True}
        self._adam = torch.optim.AdamW(
            groups, config.lr, (config.beta1, config.beta2), weight_decay=0.01, **faster
        )
        scaled = device.amp_dtype is torch.float16
        self._scaler = torch.amp.GradScaler(place.type, enabled=scaled)

    def advance(self, step: int, progress: float) -> Losses:
        """One step at the rate of `progress`: a short rise, then half a cosine down to nothing."""
        rate = self.config.lr * self.rate_scale * min(1.0, (progress + 1e-4) / WARM_UP)
        for group in self._adam.param_groups:
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))
        images = self.pick_batch(step)
        places = self._pick_places(self.batch, self.config.targets, step + 1)

        def loss_of(part: slice) -> tuple[torch.Tensor, Losses]:
            loss = self._nll(self.model, images[part], places[part])
            return self._scaler.scale(loss), {"nll": loss}

        weights = list(self.model.parameters())
        found = self.backward_in_parts(weights, loss_of)
        self._scaler.unscale_(self._adam)
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        self._scaler.step(self._adam)
        self._scaler.update()
        self.ema.update(self.model)
        return found

    def parts(self) -> dict[str, Any]:
        """The model, its average, the optimiser and the gradient scaler."""
        return {"model": self.model, "ema": self.ema, "adam": self._adam, "scaler": self._scaler}

    def export(self) -> dict[str, torch.Tensor]:
        """The average's weights."""
        return self.ema.network.state_dict()

    def sampler(self) -> torch.nn.Module:
        """The average, which is always in eval mode."""
        return self.ema.network

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Nats for each value of the held-out images, the same ones each time, by the average."""
        if not len(self._held_out):
            return {}
        places, total = self._pick_places(len(self._held_out), HELD_OUT_PLACES, 0), 0.0
        for some, where in zip(self._held_out.split(64), places.split(64), strict=True):
            total += float(self._nll(self.ema.network, some, where)) * len(some)
        nll = total / len(self._held_out)
        return {"held_out_nll": nll, "score": nll}

    def is_finite(self) -> bool:
        """Whether the weights and their average are finite."""
        sums = [weight.detach().sum() for weight in self.model.parameters()]
        return bool(torch.stack(sums).isfinite().all()) and super().is_finite()

    def _nll(
        self, model: torch.nn.Module, images: torch.Tensor, places: torch.Tensor
    ) -> torch.Tensor:
        """(B, C, S, S) uint8, (B, K) -> mean nats for each of the B K C values."""
        dtype = self.device.amp_dtype
        with torch.autocast(self.device.torch_device.type, dtype, enabled=dtype is not None):
            logits = model(images, places)
        chosen = images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1))
        return pixel_nll(logits, chosen.transpose(1, 2))

    def _pick_places(self, count: int, wanted: int, number: int) -> torch.Tensor:
        """-> (count, wanted) raster numbers of pixels, other ones for every image; 0 wants all."""
        area, random = self.images.shape[-1] ** 2, self.generator_of("places", number)
        order = torch.rand((count, area), generator=random, device=self.images.device)
        return order.argsort(1)[:, : wanted or area]
