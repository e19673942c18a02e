"""Recipes at equal minutes of training -> one picture: real images, then each recipe's samples.

    python -m tests.bench.grids [--recipe pixel,r3gan,...] [--minutes 1] [--input SHARDS]
        [--output build/grids]

The samples are each recipe's first 64, of the weights that a run without FIDs takes.
Writes side_by_side.png and a line for each recipe.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lib.base.image_grid import make_grid
from lib.kernel.metrics.preprocess import as_rgb
from lib.kernel.recipes.table import load_recipe, make_config
from lib.kernel.sampling.draw import sample_images
from lib.kernel.training.time_limit import TimeLimit
from lib.kernel.training.train import train
from tests.bench.quality import load_pictures
from tests.bench.ranks import start_ranks

_GRID = 64
_HEAD, _GAP = 24, 12  # px above each grid and beside it


def main() -> None:
    """Command line -> the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="pixel,r3gan,edm,first-seed,second-seed")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/grids"))
    options = parser.parse_args()
    images = load_pictures(options.input, options.output)
    grids = {"real": make_grid(as_rgb(images[:_GRID]), scale=1)}
    for recipe in options.recipe.split(","):
        samples = draw_samples(recipe, images[1000:], options.minutes, options.output)
        grids[recipe] = make_grid(as_rgb(samples), scale=1)
    lay_side_by_side(grids).save(options.output / "side_by_side.png")


def draw_samples(name: str, images: np.ndarray, minutes: float, output: Path) -> np.ndarray:
    """A recipe, trained from nothing -> its first samples."""
    recipe = load_recipe(name)
    config = make_config(name, {"eval_samples": -1} if recipe.uses_fast_fid else {"epoch_fid": 0})
    work = output / name
    shutil.rmtree(work, ignore_errors=True)
    pictures = as_rgb(images) if recipe.channels == 3 else images
    with start_ranks(recipe, 0) as device:
        result = train(pictures, recipe, config, device, work, work, TimeLimit(minutes * 60))
        steps, rate = result.history[-1]["step"], result.images_per_s
        print(f"{device.name}: {name}, {minutes:g} min, {steps:,.0f} steps, {rate:,.0f} images/s")
        return sample_images(result.model, _GRID, device)


def lay_side_by_side(grids: dict[str, np.ndarray]) -> Image.Image:
    """Names and grids of one size -> one picture, each name above its grid."""
    height, width = next(iter(grids.values())).shape[:2]
    step = width + _GAP
    sheet = Image.new("RGB", (len(grids) * step - _GAP, height + _HEAD), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, grid) in enumerate(grids.items()):
        draw.text((number * step, 2), name, fill="black", font_size=16)
        sheet.paste(Image.fromarray(grid), (number * step, _HEAD))
    return sheet


if __name__ == "__main__":
    main()
