"""Train a generator's last steps with FID as the loss; keep the weights only if they are better.

The loss uses one quarter of the real images. Another quarter guards: weights whose FID against it
is not lower than before are dropped. The test half is not used.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

import torch
from torch import nn

from lib.base.errors import PipelineError
from lib.base.files import read_json, sha256_file, write_json
from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.base.tensor_files import read_state
from lib.kernel.configuration.config import OFFICIAL, Config
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.metrics.reference import Reference, split_halves
from lib.kernel.sampling.draw import draw_images
from lib.kernel.sampling.model_file import Model, read_model, write_model
from lib.kernel.training.fid_gradient import FidGradient, describe
from lib.kernel.training.fid_population import FIRST, draw_population

RATE = 1e-5  # of Adam; arXiv:2009.14075 and 2604.28190 take 1e-6 to 1e-5
BATCH = 64
REFRESH = 20  # steps between two gradients of FID
GUARD_ON_GPU, GUARD_ON_CPU = 2000, 64  # samples for each guarding FID
CHECKS = 4  # guarding FIDs, evenly spread
NOTE = (
    "The generator's last steps had FID itself as their loss, against a quarter of the real "
    "images; another quarter guarded them."
)


@dataclass(frozen=True)
class Finetuning:
    """The result of the last steps; FIDs are against the guarding quarter."""

    before: float
    after: float  # of the weights that are kept
    steps: int
    seconds: float
    population: int  # samples behind the first gradient
    kept_steps: int = 0  # behind the weights that are kept

    @property
    def note(self) -> str:
        """Return a sentence to show beside the score."""
        return NOTE

    @property
    def is_kept(self) -> bool:
        """Tell whether the new weights are better than those before."""
        return self.after < self.before


def finetune_by_fid(
    model: Model, device: Device, exact: Extractor, reference: Reference, seconds: float
) -> tuple[Model, Finetuning | None]:
    """Train a model with FID as the loss for some seconds; return the better model.

    The given model is returned where its recipe has no such loss or nothing was gained. A run
    bounded by steps makes its share of steps without regard to the clock. A resumed run takes the
    result that an earlier process made from the same weights.
    Long because every way to end is told here.
    """
    config, keys = model.config, model.recipe.preset.training_keys
    if "fid_loss" not in keys or config.fid_loss <= 0 or seconds <= 0:
        return model, None
    if exact.preprocessing.name != OFFICIAL:
        log("fid loss", f"none: its gradient does not know {exact.preprocessing.name!r}")
        return model, None
    steps = math.ceil(config.fid_loss * config.steps) if config.steps else 10**9
    saved = model.path.with_name("fid_loss.json")
    better = dataclasses.replace(model, path=model.path.with_name("model_by_fid.pt"))
    origin = {"model": sha256_file(model.path), "share": config.fid_loss, "steps": config.steps}
    origin["population"] = FIRST
    earlier = read_json(saved)
    if earlier and earlier["origin"] == origin:
        finetuning = Finetuning(**earlier["stretch"])
        return (better if finetuning.is_kept else model), finetuning
    limits = (steps, math.inf if config.steps else time.monotonic() + seconds)
    network = read_model(model, device)
    try:
        finetuning = _lower_fid(network, model, device, exact, reference, limits)
    except torch.OutOfMemoryError:
        log("fid loss", "none: out of memory; the weights before it stay")
        return model, None
    except PipelineError as error:
        log("fid loss", f"none: {error.what}; the weights before it stay")
        return model, None
    words = f"FID {finetuning.before:.5g} -> {finetuning.after:.5g} against the guarding quarter"
    fate = "kept" if finetuning.is_kept else "dropped: no better"
    log("fid loss", f"{words} after {finetuning.steps} steps, {finetuning.seconds:.0f} s ({fate})")
    if finetuning.is_kept:
        channels = read_state(model.path, torch.device("cpu"))["channels"]
        write_model(better.path, network.state_dict(), config, channels)
    write_json(saved, {"origin": origin, "stretch": asdict(finetuning)})
    return (better if finetuning.is_kept else model), finetuning


def _lower_fid(
    network: nn.Module,
    model: Model,
    device: Device,
    exact: Extractor,
    reference: Reference,
    limits: tuple[int, float],
) -> Finetuning:
    """Lower the FID within limits, (steps, a value of time.monotonic()); load the best weights."""
    started, (most, until), config = time.monotonic(), limits, model.config
    used, _ = split_halves(len(reference.features), config.seed)
    taught, guarding = (features_to_statistics(reference.features[used[k::2]]) for k in (0, 1))
    count = GUARD_ON_GPU if device.is_cuda else GUARD_ON_CPU

    def guard() -> float:
        samples = as_rgb(draw_images(model.recipe, network, count, config, device, "guard"))
        return frechet_distance(exact.extract(samples), guarding, exact=False)

    before = best = guard()
    weights, guard_s = _copy(network), time.monotonic() - started
    end = until - guard_s
    step_once, population = _make_stepper(network, config, device, exact, taught, end)
    began, step, checks, kept = time.monotonic(), 0, 0, 0
    while step < most and time.monotonic() < end:
        try:
            step_once(step)
        except PipelineError as error:
            log("fid loss", f"ends at step {step:,}: {error.what}")
            break
        step += 1
        spent = (time.monotonic() - began) / max(end - began, 1e-9)
        share = step / most if math.isinf(until) else spent
        is_last = step >= most or time.monotonic() >= end
        if is_last or int(share * CHECKS) > checks:
            checks = int(share * CHECKS)
            fid = guard()
            if fid < best:
                best, weights, kept = fid, _copy(network), step
    network.load_state_dict(weights)
    return Finetuning(before, best, step, time.monotonic() - started, population, kept)


def _make_stepper(
    network: nn.Module,
    config: Config,
    device: Device,
    exact: Extractor,
    taught: Statistics,
    until: float,
) -> tuple[Callable[[int], None], int]:
    """Draw the population; return a function that makes step k, and the population's size."""
    place = device.torch_device

    numbers = cast(int, network.numbers)  # normals for each picture

    def draw(purpose: str, step: int) -> torch.Tensor:
        random = torch.Generator(place).manual_seed(derive_seed(config.seed, purpose, step))
        return torch.randn((BATCH, numbers), generator=random, device=place)

    def look(normals: torch.Tensor) -> torch.Tensor:
        return describe(exact.network, network(normals), torch.float32, exact.preprocessing.px)

    network.requires_grad_(True)
    with torch.no_grad():
        width = taught.mean.size
        first = draw_population(lambda k: look(draw("fid population", k)), width, until)
    gradient = FidGradient(first, taught)
    adam = torch.optim.Adam(network.parameters(), RATE, (0.0, 0.99))

    def step_once(step: int) -> None:
        features = look(draw("fid loss", step))
        adam.zero_grad(set_to_none=True)
        gradient.loss(features).backward()
        adam.step()
        gradient.absorb(features)
        if (step + 1) % REFRESH == 0:
            gradient.refresh()

    return step_once, len(first)


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
