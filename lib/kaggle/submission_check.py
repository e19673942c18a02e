"""A fetched run -> what is known of its submission.csv, refused where it must not be submitted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.files import read_json, sha256_file
from lib.kaggle.fetch import MANIFEST
from lib.kernel.competition.submission_table import read_table
from lib.kernel.config import RANDOM_WEIGHTS

CSV = "submission.csv"
_ROWS = 1000


@dataclass(frozen=True)
class Checked:
    """A CSV that may be submitted, and where it comes from."""

    path: Path
    sha256: str
    bundle_sha256: str
    weights: str  # file name and leading hex digits


def check_submission(folder: Path, push: dict[str, Any] | None) -> Checked:
    """(runs/<slug>/v<N>, its push in the ledger) -> Checked; PipelineError if anything is off."""
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict):
        raise _refuse("the run left no manifest, so nothing tells what made this CSV", "none")
    path = folder / CSV
    if not path.is_file():
        raise _refuse("the run left no submission.csv", "none")
    digest = sha256_file(path)
    listed = (manifest.get("artefacts") or {}).get(CSV)
    if listed != digest:
        raise _refuse("submission.csv is not the one that the kernel wrote", digest[:12])
    read_table(path, _refuse_table, in_order=True, rows=_ROWS)
    return Checked(path, digest, *_check_provenance(manifest, push))


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
