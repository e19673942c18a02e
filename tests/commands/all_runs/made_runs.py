"""Folders and a ledger as runs leave them, for tests of what lists and compares runs."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.image_grid import write_grid
from lib.kaggle.ledger import LEDGER, append_event
from lib.kernel.configuration.config import as_dict
from lib.kernel.recipes.table import make_config

REF = "ada/gan-challenge"
HOSTILE = "</script><img src=x onerror=document.title='owned'>"
DATA, WEIGHTS = "d" * 64, "0cc3c7bd" + "a" * 56
_START = 1_700_000_000


def write_run(
    folder: Path, minute: int, fid: float = 0.01, recipe: str = "pixel", **changes: Any
) -> Path:
    """A folder, its run's end in minutes, what metrics.json says -> the files of a local run.

    Keys of a configuration among the changes go into run_manifest.json.
    """
    usual = as_dict(make_config(recipe, {}))
    own = {key: changes.pop(key) for key in list(changes) if key in usual}
    config = {**usual, "weights_file": "i.pt", "weights_sha256": WEIGHTS, **own}
    is_random = config["weights_file"] == "random"
    metrics = {
        "recipe": recipe,
        "fid": fid,
        "floor": 0.003,
        "random_weights": is_random,
        "seed": config["seed"],
        "samples": config["samples"],
        "seconds": {"train": 90.0, "decode": 30.0},
        "warnings": [],
        **changes,
    }
    manifest = {"config": config, "data_sha256": DATA, "weights_sha256": WEIGHTS}
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "run_manifest.json").write_text(json.dumps({**manifest, "artefacts": {}}))
    (folder / "report.html").write_text(f"<title>Kernelpress: GAN by recipe {recipe}</title>")
    for name, level in (("generated", minute % 200), ("real", 255)):
        images = np.full((40, 1, 32, 32), level, np.uint8)
        write_grid(folder / f"{name}.png", images, columns=4, scale=4)
    os.utime(folder / "metrics.json", (_START + minute * 60,) * 2)
    return folder


def push(root: Path, version: int, recipe: str = "pixel", **values: Any) -> None:
    """A version, its recipe and values of its configuration -> its push in the root's ledger."""
    config = as_dict(make_config(recipe, {}))
    facts = {
        "recipe": recipe,
        "commit": "c" * 40,
        "bundle_sha256": f"{version}" * 64,
        "config": {**config, **values},
        "overrides": [f"{k}={v}" for k, v in values.items()],
    }
    append_event(root / LEDGER, "push", REF, version, **facts)


def fetch(root: Path, version: int, fid: float) -> None:
    """A version and its FID -> the event of its fetch in the root's ledger."""
    facts = {"status": "COMPLETE", "minutes": 42.0, "fid": fid, "floor": 0.003}
    append_event(root / LEDGER, "fetch", REF, version, **facts, random_weights=False)
