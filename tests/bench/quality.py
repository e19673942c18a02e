"""Each recipe at equal minutes of training -> FID of random draws beside the floor, and a grid.

    python -m tests.bench.quality --weights FILE [--recipe auto,first-seed] [--minutes 10]
        [--input SHARDS] [--draws 5] [--pool N] [--set KEY=VALUE ...] [--output build/quality]

Without SHARDS the data are 12,000 look-alike pictures. 1,000 pictures are held out of training;
the floor is what an ideal generator's 1,000 would get against them. With --pool the submitted
1,000 are also chosen out of a pool, against one half of the real features, and measured on the
other. Draws are of 1,000 samples, none of them chosen; sampling is not counted as training. As in a
run, a recipe whose row says so first sweeps its temperature against one half of the real features,
with seeds of its own; FIDs are against all of them, as the floor is.
"""

import argparse
import math
import shutil
import time
from pathlib import Path

import numpy as np

from lib.base.files import sha256_file
from lib.base.image_grid import write_grid
from lib.commands.terminal.parse_override import parse_override
from lib.kernel.competition.gan_challenge.dataset import decode_dataset
from lib.kernel.configuration.config import Config
from lib.kernel.curation.curate import DEFAULT_ROUNDS, choose_subset
from lib.kernel.device.device import Device, choose_device
from lib.kernel.metrics.features import Extractor, cached_features, load_extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance
from lib.kernel.metrics.floor import measure_floor, measure_floor_against
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.metrics.reference import Reference, split_halves
from lib.kernel.metrics.validation_fid import make_validation_fid
from lib.kernel.planning.automatic import fill_defaults
from lib.kernel.planning.plan import MOST_TRIES
from lib.kernel.recipe import Recipe
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling.draw import sample_images
from lib.kernel.sampling.temperature_sweep import tune_temperature
from lib.kernel.training.result import TrainResult
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from lib.synthetic.look_alike import look_alike
from tests.bench.ranks import start_ranks

_HELD_OUT = _COUNT = 1000
_GRID = 64


def main() -> None:
    """Command line -> a line for each recipe on stdout, grids in the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--recipe", default="auto,first-seed")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--pool", type=int, default=0)
    parser.add_argument("--real", type=int, default=12_000, help="real images that serve for FID")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--output", type=Path, default=Path("build/quality"))
    options = parser.parse_args()
    device = choose_device()
    given = {"weights_file": options.weights.name, "weights_sha256": sha256_file(options.weights)}
    extractor = load_extractor(make_config("pixel", given), options.weights, device)
    images = load_pictures(options.input, options.output)
    training, real = images[_HELD_OUT:], images[: options.real]
    write_grid(options.output / "real.png", as_rgb(training[:_GRID]), columns=8, scale=2)
    features = cached_features(as_rgb(real), extractor, options.output / "cache", "host")
    floor = measure_floor(features, options.draws, 0)
    reference = Reference(features, features_to_statistics(features), floor)
    print(f"{device.name}: {len(training):,} images to train on, {len(real):,} for FID", flush=True)
    words = f"floor {floor.mean:.5f} +- {floor.standard_error:.5f}"
    print(f"{words} ({floor.describe()})", flush=True)
    for name in options.recipe.split(","):
        recipe = load_recipe(name)
        config = make_config(name, dict(map(parse_override, options.set)) | given)
        config = fill_defaults(config, recipe.preset, device.is_cuda)[0]
        with start_ranks(recipe, 0) as leader:
            result = _train(training, recipe, config, leader, options, extractor, reference)
            _report(name, result, leader, options, extractor, reference)


def load_pictures(shards: Path | None, output: Path) -> np.ndarray:
    """A folder of shards, or none for the look-alike -> (N, C, 32, 32) uint8 in random order."""
    if shards is None:
        return look_alike(12_000, 0)[:, None]
    decoded = decode_dataset(shards, output / f"decoded-{shards.name}", "host")
    images = decoded.load_images()
    order = np.random.default_rng(0).permutation(len(images))
    return np.ascontiguousarray(images[order][:, : 1 if decoded.grey else 3])


def _train(
    images: np.ndarray,
    recipe: Recipe,
    config: Config,
    device: Device,
    options: argparse.Namespace,
    extractor: Extractor,
    real: Reference,
) -> TrainResult:
    """A recipe, from nothing, for the minutes given; choices see one half of the real features."""
    validation = make_validation_fid(recipe, config, options.weights, device, extractor, real, 0.1)
    work, limit = options.output / recipe.name, TimeLimit(options.minutes * 60)
    shutil.rmtree(work, ignore_errors=True)
    pictures = as_rgb(images) if recipe.channels == 3 else images
    begin = recipe.contest.train if recipe.contest else train
    result: TrainResult = begin(pictures, recipe, config, device, work, work, limit, validation)
    return result


def _report(
    recipe: str,
    result: TrainResult,
    device: Device,
    options: argparse.Namespace,
    extractor: Extractor,
    real: Reference,
) -> None:
    """A trained recipe -> its draws' FIDs and, with a pool, the curated ones."""
    features, statistics, floor, fids = real.features, real.statistics, real.floor.mean, []
    model = result.model
    if model.config.sweep:
        saved, tries = options.output / recipe / "sweep.json", MOST_TRIES
        found = tune_temperature(saved, model, device, extractor, real, tries, math.inf)
        model = model.at_temperature(found.temperature)
    config = model.config
    started = time.monotonic()
    count = max(options.draws * _COUNT, options.pool)
    samples = sample_images(model, count, device, "bench")
    seconds = time.monotonic() - started
    own = extractor.extract(as_rgb(samples))
    for draw in range(options.draws):
        fids.append(frechet_distance(own[draw * _COUNT : (draw + 1) * _COUNT], statistics))
    write_grid(options.output / f"{recipe}.png", as_rgb(samples[:_GRID]), columns=8, scale=2)
    mean, error = float(np.mean(fids)), float(np.std(fids, ddof=1) / math.sqrt(len(fids)))
    print(
        f"{recipe}: FID {mean:.5f} +- {error:.5f} ({mean / floor:.2f} floors), "
        f"{result.history[-1]['step']:,.0f} steps, {result.images_per_s:,.0f} images/s, "
        f"{count / seconds:,.0f} samples/s at temperature {config.temperature:g}; {result.chosen}",
        flush=True,
    )
    if options.pool:
        used, unseen = split_halves(len(features), config.seed)
        target = features_to_statistics(features[used])
        curation = choose_subset(own, target, _COUNT, 0, DEFAULT_ROUNDS, seconds=240)
        chosen = own[curation.chosen]
        other = features_to_statistics(features[unseen])
        half = measure_floor_against(features[used], other, options.draws, 0, _COUNT)
        print(
            f"{recipe}, curated: {frechet_distance(chosen, target):.5f} against the used half, "
            f"{frechet_distance(chosen, other):.5f} against the other, "
            f"whose floor is {half.mean:.5f} ({half.describe()})",
            flush=True,
        )


if __name__ == "__main__":
    main()
