"""The FILE of `build.py weights` -> what it is, its name on Kaggle, and what a push says of it."""

import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from lib.base.errors import InputError
from lib.base.log import log
from lib.kernel.configuration.config import TORCHVISION_WEIGHTS, Config

_HEADING = re.compile(rb"[0-9a-f]{64}\n")  # of a checkpoint: the sha256 of what follows
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".7z", ".rar")


@dataclass(frozen=True)
class WeightsFile:
    """A file to be put on Kaggle, and what it is to this project."""

    name: str  # on Kaggle; the kernel looks for it by this name
    what: str  # in words
    slug: str  # of its data set, where none is given
    push: str  # the command that uses it


def find_torchvision_weights(work: Path) -> Path:
    """Find torchvision's Inception weights in torch's cache, or download them into it."""
    from lib.kernel.metrics.inception_weights import find_weights  # torch is slow to import

    usual = Config()
    try:
        return find_weights(usual.weights_file, usual.weights_sha256, None, work)
    except InputError as error:
        cure = "download it elsewhere, then: python build.py weights FILE"
        what = f"{usual.weights_file} is not here, and cannot be downloaded"
        tried = error.got.split("; ")[2:]  # after those of a kernel
        raise InputError("weights", what, got="; ".join(tried), cure=cure) from None


def identify(path: Path, sha256: str) -> WeightsFile:
    """(a file, its sha256) -> WeightsFile; InputError for a damaged checkpoint."""
    usual, name = Config(), path.name
    if sha256.startswith(usual.weights_sha256):
        what = f"torchvision's Inception weights (sha256 {sha256[:8]} as expected)"
        return WeightsFile(TORCHVISION_WEIGHTS, what, "inception-v3-weights", "push")
    if name == usual.weights_file:
        log("weights", f"warning: {name} has sha256 {sha256[:8]}, not {usual.weights_sha256}:")
        log("weights", "it is damaged or another file, and a kernel passes it over")
    if Path(name).suffix.lower() in _ARCHIVES:
        log("weights", f"warning: Kaggle unpacks archives: a kernel will not see {name} itself")
    if _is_checkpoint(path):
        what = "a checkpoint of this project, intact"
        return WeightsFile(name, what, _make_slug(name), "push")
    what, push = "neither Inception weights nor a checkpoint: uploaded as it is", "push"
    if (kind := _name_wrong_kind(path)) is None:
        what = f"saved by torch, but not torchvision's Inception weights (sha256 {sha256[:8]})"
        push = f"push --weights {shlex.quote(str(path))}"
    elif kind:
        what += f" ({kind})"
    return WeightsFile(name, what, _make_slug(name), push)


def _make_slug(name: str) -> str:
    """A file's name -> a data set's slug: 6 to 50 of a-z, 0-9 and single dashes."""
    slug = re.sub(r"[^a-z0-9]+", "-", Path(name).stem.lower()).strip("-")[:50].strip("-")
    return slug if len(slug) >= 6 else f"{slug}-weights".strip("-")


def _is_checkpoint(path: Path) -> bool:
    """Tell whether a file is one of write_state; raise InputError where it is damaged."""
    with path.open("rb") as file:
        heading = file.read(65)
        if not _HEADING.fullmatch(heading) or file.read(2) != b"PK":
            return False
        file.seek(len(heading))
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != heading[:64].decode():
        raise InputError(
            "weights",
            f"{path.name} is a damaged checkpoint",
            expected=f"sha256 {heading[:12].decode()} after its first line",
            got=got[:12],
            cure="take the one before it, or copy it again",
        )
    return True


def _name_wrong_kind(path: Path) -> str | None:
    """A file -> what it is instead of torch's; None where torch might read it."""
    from lib.kernel.metrics.weights_kind import refuse_wrong_kind

    try:
        refuse_wrong_kind(path)
    except InputError as error:
        return error.got
    return None
