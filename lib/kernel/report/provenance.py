"""Tell what a run was made from, and whether an output holds that very run, whole."""

import importlib.metadata
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import InputError
from lib.base.files import read_json, remove_parts, sha256_bytes, sha256_file
from lib.base.lock_file import lock, open_lock_file
from lib.base.log import log
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.config import Config, as_dict
from lib.kernel.configuration.configure import differences
from lib.kernel.configuration.folders import (
    IDENTITY_FILE,
    PLAN_FILE,
    POOL_FILE,
    SWEEP_FILE,
    TRAIN_FOLDER,
)
from lib.kernel.configuration.preset import Preset
from lib.kernel.recipe import Recipe
from lib.kernel.report.manifest import Manifest, find_damage, read_manifest

_BEFORE_TRAINING = ("weights_file", "weights_sha256", "minutes")  # keys that may change until then
_IDENTITY = ("config", "data_sha256", "state_form")
_FRESH = "for a new run name another output (--output, KERNEL_OUTPUT)"
_BY_FID = (f"{TRAIN_FOLDER}/**/checkpoint_*.pt", SWEEP_FILE, POOL_FILE)  # in the scratch folder
_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scipy", "pandas", "jinja2")


def list_versions() -> dict[str, str]:
    """List by name the versions of Python and of the packages that decide results."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


@dataclass(frozen=True)
class Origin:
    """What a run was made from."""

    bundle_sha256: str
    data_sha256: str
    weights: Path | None  # Inception's file; None: random weights
    extractor: str  # in words

    def list_facts(self, config: Config, device: str) -> dict[str, Any]:
        """(Config, the device's name) -> what report and manifest say of the run's origin."""
        return {
            "bundle_sha256": self.bundle_sha256,
            "data_sha256": self.data_sha256,
            "weights_file": config.weights_file,
            "weights_sha256": sha256_file(self.weights) if self.weights else "",
            "random_weights": self.weights is None,
            "extractor": self.extractor,
            "device": device,
            "versions": list_versions(),
        }


def hash_bundle(built: str, text: str) -> str:
    """(hash that the bundle tells of itself, its text) -> the hash of that text; tells of edits.

    As in the script's header, the hash is that of the text with zeros in the hash's place.
    """
    if not text:
        return built
    named = re.search("^# content sha256.*: ([0-9a-f]{64})$", text, re.MULTILINE)
    blank = text.rstrip() if named is None else text.rstrip().replace(named[1], "0" * 64, 1)
    now = sha256_bytes(f"{blank}\n".encode())
    if now != built:
        log("bundle", f"edited since it was built; its content hash is {now[:12]} now")
    return now


def identify(config: Config, recipe: Recipe, data_sha256: str) -> dict[str, Any]:
    """(Config, its recipe, hash of its data) -> what decides a result and which states fit it."""
    form = recipe.state_form
    return {"config": as_dict(config), "data_sha256": data_sha256, "state_form": form}


def check_same_run(
    output: Path, earlier: Mapping[str, Any], now: Mapping[str, Any], preset: Preset
) -> None:
    """Refuse an output that holds the run of another configuration or of other data."""
    differing = differences(dict(earlier["config"]), dict(now["config"]), preset)
    if earlier["data_sha256"] != now["data_sha256"]:
        differing.append(f"data: {earlier['data_sha256'][:12]} against {now['data_sha256'][:12]}")
    if differing:
        raise InputError(
            "output",
            f"{output} holds a run of another configuration",
            got="; ".join(differing[:4]) + ("; ..." if len(differing) > 4 else ""),
            cure="give another --output, or the options of the run that is there",
        )


def read_identity(output: Path, scratch: Path, preset: Preset) -> dict[str, Any] | None:
    """(output, scratch, preset) -> the identity of the finished or started run there, or None."""
    try:
        manifest = read_manifest(output)
    except OSError:
        manifest = Manifest({})
    own = {} if manifest.is_changed(*_IDENTITY) else manifest.values
    for found in (own, read_json(scratch / IDENTITY_FILE)):
        if isinstance(found, dict) and {"config", "data_sha256"} <= found.keys():
            return {**found, "config": modernise_config(found["config"])}
    for name in preset.rules.files if preset.rules else ():
        if (output / name).exists():
            raise InputError(
                "output",
                f"{output} holds a {name} that belongs to no run known here",
                got="; ".join(manifest.tell_damage()[:3]),
                cure="give another --output, or move that file away",
            )
    return None


@contextmanager
def locked(scratch: Path) -> Iterator[None]:
    """Keep other processes out of a scratch folder during the block; InputError if one is in it."""
    with open_lock_file(scratch / "lock") as file:
        if not lock(file, wait=False, own_process=True):  # forked workers do not inherit it
            raise InputError(
                "output",
                "another run is at work in the same output folder",
                got=str(scratch),
                cure="wait for it to end, or give another --output",
            )
        yield


def is_finished(
    output: Path, scratch: Path, identity: Mapping[str, Any], bundle_sha256: str, preset: Preset
) -> bool:
    """Tell whether the output holds this very run, whole; raise InputError for another run."""
    for folder in (output, scratch):
        remove_parts(folder)
    earlier = read_identity(output, scratch, preset)
    if earlier is None:
        return False
    earlier = _take_changes(scratch, earlier, identity)
    check_same_run(output, earlier, identity, preset)
    if "artefacts" not in earlier:
        _check_state_form(scratch, earlier, identity)
        if earlier.get("bundle_sha256", bundle_sha256) != bundle_sha256:
            log("run", f"note: another build, or an edited one, began it; {_FRESH}")
        log("run", "goes on where an earlier process stopped")
        return False
    damage = find_damage(output, earlier)
    if damage:
        _check_state_form(scratch, earlier, identity)
        log("run", f"was finished, but {'; '.join(damage[:5])}: made anew from what is left")
        return False
    if earlier.get("bundle_sha256") != bundle_sha256:
        log("run", f"note: another build, or an edited one, made it; {_FRESH}")
    log("run", f"finished before; its {len(earlier['artefacts'])} files are verified")
    return True


def _take_changes(scratch: Path, earlier: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """(scratch, earlier identity, this run's) -> the earlier one, with what of this may differ.

    Weights, minutes and data are taken over where nothing else differs and training has not begun,
    as after a refusal. Until then no result depends on them: features are kept under the weights'
    hash, images under their own, and the plan is made anew. Later results were chosen by FIDs of
    the earlier weights, on the earlier schedule.
    """
    begun = "artefacts" in earlier or any(any(scratch.glob(name)) for name in _BY_FID)
    own = {name: value for name, value in now["config"].items() if name in _BEFORE_TRAINING}
    config = {**earlier["config"], **own}
    same_data = earlier["data_sha256"] == now["data_sha256"]
    if begun or config != now["config"] or (config == earlier["config"] and same_data):
        return earlier
    (scratch / PLAN_FILE).unlink(missing_ok=True)
    log("run", "its weights, minutes or data are others now: what it left depends on none of them")
    return {**earlier, "config": config, "data_sha256": now["data_sha256"]}


def _check_state_form(scratch: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on from a training state whose networks were changed since."""
    before = earlier.get("state_form", 1)
    if before != now["state_form"]:
        raise InputError(
            "output",
            "the run there was started by another version, whose networks were others",
            expected=f"training state of form {now['state_form']}",
            got=f"{before}",
            cure=f"build with that version, or give another --output, or delete {scratch}",
        )
