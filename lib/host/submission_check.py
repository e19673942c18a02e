"""A fetched run -> what is known of its submission.csv, refused where it must not be submitted."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.host.kaggle_fetch import MANIFEST
from lib.kernel.config import RANDOM_WEIGHTS
from lib.kernel.errors import PipelineError
from lib.kernel.storage import read_json, sha256_file
from lib.kernel.submission import FEATURES, name_image

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
    _check_values(path)
    return Checked(path, digest, *_check_provenance(manifest, push))


def _check_values(path: Path) -> None:
    """submission.csv -> nothing; PipelineError unless 1,000 rows of 2,048 finite numbers."""
    head, *rows = path.read_bytes().rstrip().split(b"\n")
    if head.rstrip() != ",".join(["id", *(f"f{column}" for column in range(FEATURES))]).encode():
        raise _refuse("submission.csv has another header than id,f0,...", repr(head[:20]))
    if len(rows) != _ROWS:
        raise _refuse("submission.csv has another number of rows than 1,000", str(len(rows)))
    for index, row in enumerate(rows):
        name, found = name_image(index), row.split(b",", 1)[0].decode("utf-8", "replace")
        if found != name or row.count(b",") != FEATURES:
            got = f"{found} with {row.count(b',')} values"
            raise _refuse(f"submission.csv wants {name} with {FEATURES} values there", got)
    try:
        table = pd.read_csv(
            io.BytesIO(b"\n".join(rows)), header=None, index_col=0, low_memory=False
        )
        features = table.to_numpy(np.float64)
    except ValueError as error:
        raise _refuse("submission.csv cannot be read as numbers", str(error)[:100]) from error
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        got = f"rows {broken[:5].tolist()}"
        raise _refuse("submission.csv has values that are not finite", got)


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


def _refuse(what: str, got: str) -> PipelineError:
    cure = "nothing was submitted; python build.py fetch VERSION, or push again"
    return PipelineError("submit", what, got=got, cure=cure)
