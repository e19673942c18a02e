"""Check a fetched run's submission.csv; refuse one that must not be submitted."""

from pathlib import Path
from typing import Any

from lib.base.errors import PipelineError
from lib.base.files import read_json, sha256_file
from lib.base.run_files import MANIFEST, SUBMISSION
from lib.kaggle.submissions import Checked
from lib.kernel.competition.gan_challenge.submission_table import read_table
from lib.kernel.configuration.challenge import SUBMITTED
from lib.kernel.configuration.config import RANDOM_WEIGHTS


def check_submission(folder: Path, push: dict[str, Any] | None) -> Checked:
    """Check the CSV in runs/<slug>/v<N> against the competition's rules and the run's push.

    Raise PipelineError if anything is wrong.
    """
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict):
        raise _refuse("the run left no manifest, so nothing tells what made this CSV", "none")
    path = folder / SUBMISSION
    if not path.is_file():
        raise _refuse(f"the run left no {SUBMISSION}", "none")
    digest = sha256_file(path)
    listed = (manifest.get("artefacts") or {}).get(SUBMISSION)
    if listed != digest:
        raise _refuse(f"{SUBMISSION} is not the one that the kernel wrote", digest[:12])
    read_table(path, _refuse_table, in_order=True, rows=SUBMITTED)
    bundle, weights = _check_provenance(manifest, push)
    return Checked(path, digest, f"{SUBMITTED:,} rows, finite", bundle, weights)


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
