"""Continue training from the state that an earlier version of the kernel left in its output.

Kaggle keeps a version's output, and a later version that names it in kernel_sources can read it.
So the training state is left there beside the submission. A run that finds such a state, of the
same data and networks, continues it for its own time.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from lib.base.files import copy_file, read_json, write_json
from lib.base.input_walk import InputWalk, find_files
from lib.base.log import format_seconds, log
from lib.base.run_files import MANIFEST
from lib.kernel.competition.contract import UNSEEN_MARK
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.configure import read_given
from lib.kernel.recipe import Recipe
from lib.kernel.training.checkpoint import list_checkpoints, load_checkpoint

STATE = "training_state"  # a folder of the output
_DECISIVE = (  # fields of Config that a state depends on
    *(
        "recipe",
        "seed",
        "competition",
        "policy",
        "batch",
        "targets",
        "lr",
        "beta1",
        "beta2",
        "n_critic",
    ),
    *("image_px", "gp_weight", "latent_dim", "width", "depth", "clusters", "ema_decay"),
)


def export_state(work: Path, trained: Path, output: Path) -> None:
    """Copy the training state of the trained recipe to the output, for a later version."""
    newest = list_checkpoints(trained)[:1]
    for path in [*newest, *work.glob("trials.json"), *work.glob(UNSEEN_MARK)]:
        target = output / STATE / path.relative_to(work)
        copy_file(path, target)


def import_state(
    source: Path, work: Path, recipe: Recipe, identity: dict[str, Any], on_gpu: bool
) -> float:
    """Copy a fitting state from the input into the training folder; return its seconds, or 0.

    A resumed run keeps what its first process found.
    """
    note = work / "continued.json"
    if any(work.rglob("checkpoint_*.pt")):
        return float((read_json(note) or {}).get("seconds", 0.0))
    best, seconds, fitting = None, 0.0, 0
    for manifest in find_files(source, MANIFEST):
        state = manifest.parent / STATE
        if os.path.isdir(state) and _is_same(manifest, recipe, identity, on_gpu):
            found, fitting = _count_seconds(state), fitting + 1
            best, seconds = (state, found) if found > seconds else (best, seconds)
    if best is None:
        return 0.0
    part = work.with_name(f"{work.name}.part")  # renamed when complete, so a kill leaves no half
    for folder in (part, work):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        for below in InputWalk(best).enter():
            for place in map(below.place, below.files):
                if os.path.isfile(best / place):
                    copy_file(best / place, part / place)
        origin = str(best.parent.relative_to(source))
        write_json(part / note.name, {"seconds": seconds, "from": origin})
        part.rename(work)
    except OSError:  # a full disk: half a copy is of no use there
        shutil.rmtree(part, ignore_errors=True)
        raise
    words = f"{format_seconds(seconds)} of training in {best.parent.relative_to(source)}"
    several = f"; of {fitting} that fit it has trained longest" * (fitting > 1)
    log("train", f"takes up {words}, an earlier version's output{several}")
    return seconds


def _is_same(manifest: Path, recipe: Recipe, identity: dict[str, Any], on_gpu: bool) -> bool:
    """Tell whether a manifest's data and networks are those of this run; print what differs."""
    earlier = read_json(manifest)
    if not isinstance(earlier, dict) or not isinstance(earlier.get("config"), dict):
        log("train", f"{manifest.parent.name}: not taken up, its manifest is none")
        return False
    config = modernise_config(earlier["config"])
    wanted = {name: identity["config"][name] for name in _DECISIVE}
    # A field that the earlier version did not know had no effect there.
    differing = [name for name, value in wanted.items() if config.get(name, value) != value]
    given = set(read_given(config, recipe.preset)) ^ set(
        read_given(identity["config"], recipe.preset)
    )
    differing += [
        f"{name}, which only one was given" for name in _DECISIVE if name in given - {*differing}
    ]
    if earlier.get("state_form", 1) != identity["state_form"]:
        differing.append("its version's networks")
    suits_device = not recipe.preset.keeps_sizes
    if suits_device and (earlier.get("device") != "cpu") != on_gpu:
        differing.append("GPU or CPU")
    if earlier.get("data_sha256") != identity["data_sha256"]:
        differing.append("data")
    if differing:
        log("train", f"{manifest.parent.name}: not taken up, it differs in {', '.join(differing)}")
    return not differing


def _count_seconds(state: Path) -> float:
    """Read the optimiser seconds of the newest intact checkpoint in a state folder."""
    folders = sorted(state / folder.label for folder in InputWalk(state).enter())
    found = [load_checkpoint(folder, torch.device("cpu")) for folder in folders]
    try:
        return max((float(each["standing"]["seconds"]) for each in found if each), default=0.0)
    except (LookupError, TypeError, ValueError):
        return 0.0  # states of another program
