"""A competition's name -> the output of a small whole run of it, made in this process."""

from pathlib import Path
from typing import Any

from PIL import Image

from lib.kernel.competition.table import load_competition
from lib.kernel.configuration.folders import Folders
from lib.kernel.recipes.table import load_recipe, make_config
from lib.synthetic.look_alike import look_alike
from tests.local_runs import write_input
from tests.whole_run import run_kernel

SMALL: dict[str, Any] = {
    "weights_file": "random",
    "weights_sha256": "",
    "samples": 12,
    "floor_draws": 2,
    "batch": 8,
    "width": 8,
    "curate": False,
    "sweep": False,
    "fid_loss": 0.0,
}


def make_run(place: Path, competition: str, recipe: str = "r3gan", **more: Any) -> Folders:
    """An empty folder, a competition, a recipe and keys -> the folders of a finished run."""
    folders = Folders(*(place / name for name in ("in", "out", "scratch", "cache")))
    folders.input.mkdir(parents=True)
    if competition == "images":
        for number, picture in enumerate(look_alike(24, seed=3)):
            Image.fromarray(picture).save(folders.input / f"{number}.png")
    else:
        write_input(folders.input)
    adapted = load_recipe(recipe, competition)
    wanted = {**SMALL, "steps": 4, **more}
    used = {key: value for key, value in wanted.items() if key in adapted.preset.keys}
    config = make_config(recipe, used, competition)
    run_kernel(config, adapted, folders, load_competition(competition))
    return folders
