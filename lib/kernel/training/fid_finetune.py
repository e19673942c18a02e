"""FID itself as the loss of a generator's last steps, which are kept if they made it better.

The loss goes by one quarter of the real images, another one guards: weights whose FID against that
quarter is not lower than before are dropped. The half that no choice may see stays unseen.
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
REFRESH = 20  # steps between two slopes
GUARD_ON_GPU, GUARD_ON_CPU = 2000, 64  # samples of a guard
CHECKS = 4  # guards, evenly spread
NOTE = (
    "The generator's last steps had FID itself as their loss, against a quarter of the real "
    "images; another quarter guarded them."
)


@dataclass(frozen=True)
class Finetuning:
    """What the last steps did; FIDs are against the guarding quarter."""

    before: float
    after: float  # of the weights that were kept
    steps: int
    seconds: float
    population: int  # samples that the first gradient came from
    kept_steps: int = 0  # behind the weights that were kept

    @property
    def note(self) -> str:
        """A sentence to stand beside the score."""
        return NOTE

    @property
    def is_kept(self) -> bool:
        """Whether its weights are better than those before."""
        return self.after < self.before


def finetune_by_fid(
    model: Model, device: Device, exact: Extractor, reference: Reference, seconds: float
) -> tuple[Model, Finetuning | None]:
    """(model, device, exact Inception, real images, s it may take) -> model, Finetuning.

    The model is the given one where its recipe has no such loss, or nothing was gained. A run
    bounded by steps makes its share of them, whatever the clock says. A resumed run finds what an
    earlier process made of the same weights.
    Long because every way out is told here.
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
    """(generator, ..., most steps and a value of time.monotonic()) -> Finetuning, best weights."""
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
    """Draw the population at once -> a function that makes the step of a number; its size."""
    place = device.torch_device

    numbers = cast(int, network.numbers)  # that a picture is made from

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
