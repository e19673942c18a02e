"""Check a fetched run's file to submit; refuse one that must not be submitted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.files import read_object, sha256_file
from lib.base.run_files import IMAGES, MANIFEST
from lib.kaggle.client.submissions import Checked
from lib.kernel.competition.gan_challenge.submission_table import read_table
from lib.kernel.competition.image_zip import read_zip
from lib.kernel.competition.table import DEFAULT_COMPETITION, find_mismatch, find_rules
from lib.kernel.configuration.aliases import modernise_config
from lib.kernel.configuration.challenge import SUBMITTED
from lib.kernel.configuration.config import RANDOM_WEIGHTS
from lib.kernel.configuration.image_name import check_image_name


def check_submission(
    folder: Path, push: dict[str, Any] | None, sources: Sequence[str] = ()
) -> Checked:
    """Check the file in runs/<slug>/v<N> against the competition's rules and the run's push.

    `sources` are the competitions that kernel-metadata.json attaches, where it goes. Raise
    PipelineError if anything is wrong.
    """
    manifest = read_object(folder / MANIFEST)
    written, listed = manifest.get("config") or {}, manifest.get("artefacts") or {}
    if not manifest or not isinstance(written, dict) or not isinstance(listed, dict):
        raise _refuse("the run left no manifest, so nothing tells what made this file", "none")
    config = modernise_config(written)
    competition = str(config.get("competition", DEFAULT_COMPETITION))
    if mismatch := find_mismatch(competition, sources):
        raise _refuse(f"the submission would go to another competition: {mismatch}", competition)
    name = find_rules(competition).files[0]
    path = folder / name
    if not path.is_file():
        raise _refuse(f"the run left no {name}", "none")
    digest = sha256_file(path)
    if listed.get(name) != digest:
        raise _refuse(f"{name} is not the one that the kernel wrote", digest[:12])
    contents = _check_zip(path, config) if name == IMAGES else _check_table(path)
    bundle, weights = _check_provenance(manifest, push)
    return Checked(path, digest, contents, f"made by bundle {bundle[:12]} with weights {weights}")


def _check_table(path: Path) -> str:
    """Read submission.csv as the scorer would; return what is in it."""
    read_table(path, _refuse_table, in_order=True, rows=SUBMITTED)
    return f"{SUBMITTED:,} rows, finite"


def _check_zip(path: Path, config: dict[str, Any]) -> str:
    """Read images.zip and compare number and names with the run's; return what is in it."""
    pattern, expected = str(config.get("image_name")), str(config.get("samples"))
    check_image_name(pattern)
    images = read_zip(path, pattern.format)
    if str(len(images)) != expected:
        raise _refuse(f"{path.name} has another number of images", f"{len(images)}", expected)
    return f"{len(images):,} pictures of {images.shape[-1]} px"


def _check_provenance(manifest: dict[str, Any], push: dict[str, Any] | None) -> tuple[str, str]:
    """(the kernel's manifest, the push) -> (bundle's sha256, the weights in words)."""
    name, digest = (
        str(manifest.get("weights_file") or ""),
        str(manifest.get("weights_sha256") or ""),
    )
    if manifest.get("random_weights") or name == RANDOM_WEIGHTS:
        raise _refuse(
            "the features come from random weights, which score nothing", "random_weights"
        )
    if not name or not digest:
        raise _refuse("the manifest does not name the Inception weights", repr(name))
    bundle = str(manifest.get("bundle_sha256") or "")
    pushed = str((push or {}).get("bundle_sha256") or bundle)
    if not bundle or bundle != pushed:
        raise _refuse(
            "another bundle made this run than the one that was pushed",
            f"{bundle[:12] or 'none'} instead of {pushed[:12] or 'none'}",
        )
    return bundle, f"{name} {digest[:12]}"


def _refuse_table(what: str, expected: str, got: str) -> PipelineError:
    return _refuse(what, got, expected)


def _refuse(what: str, got: str, expected: str = "") -> PipelineError:
    cure = "nothing was submitted; python build.py fetch VERSION, or push again"
    return PipelineError("submit", what, expected=expected, got=got, cure=cure)
