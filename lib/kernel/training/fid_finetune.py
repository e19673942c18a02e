"""A trained one-pass generator -> the same after a stretch with FID as its loss, if it is better.

The loss goes by one quarter of the real images, another one guards: weights whose FID against that
quarter is not lower than before are dropped. The half that no choice may see stays unseen.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from lib.base.errors import PipelineError
from lib.base.files import read_json, sha256_file, write_json
from lib.base.log import log
from lib.base.seeds import derive_seed
from lib.kernel.config import Config
from lib.kernel.curation.choose import as_rgb
from lib.kernel.device.device import Device
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance
from lib.kernel.metrics.reference import Reference, split_halves
from lib.kernel.recipes.r3gan.networks import R3ganGenerator
from lib.kernel.sampling.draw import draw_images
from lib.kernel.sampling.model_file import read_model, write_model
from lib.kernel.training.checkpoint import read_state
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
    """What the last stretch did; FIDs are against the guarding quarter."""

    before: float
    after: float  # of the weights that were kept
    steps: int
    seconds: float
    population: int  # samples that the first slope came from
    kept_steps: int = 0  # behind the weights that were kept

    @property
    def is_kept(self) -> bool:
        """Whether its weights are better than those before."""
        return self.after < self.before


def finetune_by_fid(
    checkpoint: Path,
    config: Config,
    device: Device,
    exact: Extractor,
    real: Reference,
    seconds: float,
) -> tuple[Path, Finetuning | None]:
    """(model file, Inception on the exact path, real features, s it may take) -> file, Finetuning.

    The file is the given one where the recipe is no one-pass generator, or nothing was gained. A
    run bounded by steps makes its share of them, whatever the clock says. A resumed run finds what
    an earlier process made of the same weights.
    Long because every way out is told here.
    """
    network = read_model(checkpoint, config, device)
    if not isinstance(network, R3ganGenerator) or config.fid_loss <= 0 or seconds <= 0:
        return checkpoint, None
    steps = math.ceil(config.fid_loss * config.steps) if config.steps else 10**9
    if exact.preprocessing.name != "host":
        log("fid loss", f"none: its gradient does not know {exact.preprocessing.name!r}")
        return checkpoint, None
    saved, path = checkpoint.with_name("fid_loss.json"), checkpoint.with_name("model_by_fid.pt")
    origin = {"model": sha256_file(checkpoint), "share": config.fid_loss, "steps": config.steps}
    origin["population"] = FIRST
    earlier = read_json(saved)
    if earlier and earlier["origin"] == origin:
        stretch = Finetuning(**earlier["stretch"])
        return (path if stretch.is_kept else checkpoint), stretch
    limits = (steps, math.inf if config.steps else time.monotonic() + seconds)
    try:
        stretch = _lower_fid(network, config, device, exact, real, limits)
    except torch.OutOfMemoryError:
        log("fid loss", "none: out of memory; the weights before it stay")
        return checkpoint, None
    except PipelineError as error:
        log("fid loss", f"none: {error.what}; the weights before it stay")
        return checkpoint, None
    words = f"FID {stretch.before:.5g} -> {stretch.after:.5g} against the guarding quarter"
    fate = "kept" if stretch.is_kept else "dropped: no better"
    log("fid loss", f"{words} after {stretch.steps} steps, {stretch.seconds:.0f} s ({fate})")
    if stretch.is_kept:
        channels = read_state(checkpoint, torch.device("cpu"))["channels"]
        write_model(path, network.state_dict(), config, channels)
    write_json(saved, {"origin": origin, "stretch": asdict(stretch)})
    return (path if stretch.is_kept else checkpoint), stretch


def _lower_fid(
    network: R3ganGenerator,
    config: Config,
    device: Device,
    exact: Extractor,
    real: Reference,
    limits: tuple[int, float],
) -> Finetuning:
    """(generator, ..., most steps and a value of time.monotonic()) -> Finetuning, best weights."""
    started, (most, until) = time.monotonic(), limits
    used, _ = split_halves(len(real.features), config.seed)
    taught, guarding = (features_to_statistics(real.features[used[k::2]]) for k in (0, 1))
    count = GUARD_ON_GPU if device.is_cuda else GUARD_ON_CPU

    def guard() -> float:
        samples = as_rgb(draw_images(network, count, config, device, "guard"))
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
    network: R3ganGenerator,
    config: Config,
    device: Device,
    exact: Extractor,
    taught: Statistics,
    until: float,
) -> tuple[Callable[[int], None], int]:
    """-> a function that makes the step of a number, size of the population, drawn at once."""
    place = device.torch_device

    def draw(purpose: str, step: int) -> torch.Tensor:
        random = torch.Generator(place).manual_seed(derive_seed(config.seed, purpose, step))
        return torch.randn((BATCH, network.numbers), generator=random, device=place)

    def look(normals: torch.Tensor) -> torch.Tensor:
        return describe(exact.network, network(normals), torch.float32, exact.preprocessing.px)

    network.requires_grad_(True)
    with torch.no_grad():
        width = taught.mean.size
        first = draw_population(lambda k: look(draw("fid population", k)), width, until)
    slope = FidGradient(first, taught)
    adam = torch.optim.Adam(network.parameters(), RATE, (0.0, 0.99))

    def step_once(step: int) -> None:
        features = look(draw("fid loss", step))
        adam.zero_grad(set_to_none=True)
        slope.loss(features).backward()
        adam.step()
        slope.absorb(features)
        if (step + 1) % REFRESH == 0:
            slope.refresh()

    return step_once, len(first)


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
