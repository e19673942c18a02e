"""Real images -> maximum-likelihood steps of the pixel model, and its held-out measure."""

import dataclasses
from typing import Any

import numpy as np
import torch

from lib.base.log import log
from lib.kernel.configuration.config import Config
from lib.kernel.device.device import Device
from lib.kernel.recipes.pixel.clusters import count_codes
from lib.kernel.recipes.pixel.losses import pixel_nll
from lib.kernel.recipes.pixel.model import PixelModel, PixelShape
from lib.kernel.recipes.pixel.preset import PIXEL_PRESET
from lib.kernel.training.ema import Ema
from lib.kernel.training.hold_out import hold_out
from lib.kernel.training.muon import Muon
from lib.kernel.training.optimise import (
    is_all_finite,
    make_adam,
    make_scaler,
    set_lr,
)
from lib.kernel.training.schedule import take_clipped_step, warm_up_and_anneal
from lib.kernel.training.trainer import Losses, Trainer

EDGE_CHANCE = 4.0
FIRST_PIXEL_COUNTS, FIRST_ROW_COUNTS = 32.0, 4.0  # weights in the loss; others have 1
FIRST_ROWS, FIRST_ROWS_COUNT = 6, 2.0
HELD_OUT_PLACES = 128  # pixels of each image: all would take as long as a minute of training
MATRIX_RATE = 15.0  # Muon's learning rate, times that of Adam
CLIP = 1.0  # greatest Euclidean length of a step's gradient


class PixelTrainer(Trainer):
    """Trains by Muon and Adam on random pixels; samples are drawn from the weights' average."""

    def __init__(self, images: np.ndarray, config: Config, device: Device) -> None:
        learnt, held_out = hold_out(images, config.seed)
        config = PIXEL_PRESET.sizes.settle(config, device.is_cuda)
        config = _settle_clusters(config, len(learnt))
        super().__init__(learnt, config, device)
        place = device.torch_device
        self._held_out = torch.from_numpy(held_out).to(place)
        self._importance = weigh_places(images.shape[-1]).to(place)
        shape = PixelShape(
            images.shape[1], config.width, config.depth, images.shape[-1], config.clusters
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_of("weights", 0))
            self.model = PixelModel(shape).to(place)
        self.model.codebook.learn(self.images, config.seed)
        self.ranks.exchange(list(self.model.codebook.buffers()), [0, 0])  # equal on every machine
        self._codes = self.model.codebook.assign(self.images)
        self.ema = Ema(self.model, config.ema_decay)
        matrices, others = self.model.split_parameters()
        betas = (config.beta1, config.beta2)
        self._adam = make_adam(
            device, others, config.lr, betas, torch.optim.AdamW, weight_decay=0.0
        )
        dtype = device.amp_dtype or torch.float32
        self._muon = Muon(matrices, config.lr, dtype, self.cores, self.ranks)
        self._scaler = make_scaler(device)

    def train_step(self, step: int, progress: float) -> Losses:
        """Take one step; its rate follows `progress`: a short rise, then half a cosine to zero."""
        rate = warm_up_and_anneal(self.config.lr * self.lr_scale, progress)
        set_lr(self._adam, rate)
        set_lr(self._muon, rate * MATRIX_RATE)
        numbers = self.pick_numbers(step)
        images, codes = self.images[numbers], self._codes[numbers]
        random = self.random_of("places", step)
        places, weights = pick_places(images, self.config.targets, random, self._importance)

        parameters = list(self.model.parameters())
        inputs = [images, codes, places, weights]
        found = self.backward_in_parts("pixel", parameters, self._loss, inputs)
        take_clipped_step(self._scaler, [self._adam, self._muon], parameters, CLIP)
        self.ema.update(self.model)
        return found

    def state_parts(self) -> dict[str, Any]:
        """Return the model, its average, both optimisers and the gradient scaler, by name."""
        optimisers = {"adam": self._adam, "muon": self._muon, "scaler": self._scaler}
        return {"model": self.model, "ema": self.ema, **optimisers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore all parts from a state of state_dict; find the images' codes by its centres."""
        super().load_state_dict(state)
        self._codes = self.model.codebook.assign(self.images)

    def samplers(self) -> dict[str, torch.nn.Module]:
        """Return the average, which is always in eval mode."""
        return {"average": self.ema.network}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Measure the average's nats for each of always the same values of the held-out images."""
        if not len(self._held_out):
            return {}
        random, total, model = self.random_of("held out", 0), 0.0, self.ema.network
        for images in self._held_out.split(64):
            places, weights = pick_places(images, HELD_OUT_PLACES, random)
            codes = self.model.codebook.assign(images)
            nats = self._nll(model, images, codes, places, weights)
            nats = nats + self.model.codebook.nats(codes) / images[0].numel()
            total += float(nats) * len(images)
        nll = total / len(self._held_out)
        return {"held_out_nll": nll, "score": nll}

    def is_finite(self) -> bool:
        """Tell whether the weights and their average are finite."""
        return is_all_finite(self.model.parameters()) and super().is_finite()

    def _loss(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, Losses]:
        """(images, codes, places, weights) of a part -> its scaled loss, nats to report."""
        loss = self._nll(self.model, *inputs)
        return self._scaler.scale(loss), {"nll": loss}

    def _nll(
        self,
        model: torch.nn.Module,
        images: torch.Tensor,
        codes: torch.Tensor,
        places: torch.Tensor,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, C, S, S) uint8, (B,), (B, K), (B, K) -> mean nats for each of the B K C values."""
        with self.device.autocast():
            logits = model(images, places, codes)
        chosen = images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1))
        return pixel_nll(logits, chosen.transpose(1, 2), weights)


def _settle_clusters(config: Config, images: int) -> Config:
    """Settle and print the number of clusters where it is automatic; return the config."""
    if config.clusters:
        return config
    codes = count_codes(images)
    log("train", f"{codes} clusters ({images:,} images teach them; --set clusters=... overrules)")
    return dataclasses.replace(config, clusters=codes)


def pick_places(
    images: torch.Tensor,
    wanted: int,
    random: torch.Generator,
    importance: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C, S, S) uint8, K -> (B, K) raster numbers of pixels and their weights; 0 wants all.

    Most pixels of a flat picture repeat both neighbours, and little is learnt from them. So the
    other pixels are drawn EDGE_CHANCE times as often and weigh that much less: the expected loss
    stays the same. With (S^2,) `importance` a pixel is drawn and counts that much more.
    """
    count, area = len(images), images.shape[-1] ** 2
    if not wanted:
        places = torch.arange(area, device=images.device).expand(count, -1)
        return places, torch.ones_like(places, dtype=torch.float32)
    is_edge = torch.zeros_like(images, dtype=torch.bool)
    is_edge[..., 1:, :] |= images[..., 1:, :] != images[..., :-1, :]
    is_edge[..., :, 1:] |= images[..., :, 1:] != images[..., :, :-1]
    if importance is None:
        importance = torch.ones(area, device=images.device)
    chances = importance * (1.0 + (EDGE_CHANCE - 1.0) * is_edge.any(1).flatten(1))
    chances = chances / chances.sum(1, keepdim=True)
    places = torch.multinomial(chances, wanted, replacement=True, generator=random)
    weights = importance[places] / importance.sum()
    return places, weights / chances.gather(1, places)


def weigh_places(side: int) -> torch.Tensor:
    """Side of a picture -> (side^2,) weight of each pixel in training, in raster order.

    The first pixels decide what kind of picture follows, but are a tiny part of the unweighted
    loss. Weights that depend on the place alone do not change a pixel's best distribution.
    """
    importance = torch.ones(side, side)
    importance[:FIRST_ROWS] = FIRST_ROWS_COUNT
    importance[0] = FIRST_ROW_COUNTS
    importance[0, 0] = FIRST_PIXEL_COUNTS
    return importance.flatten()
