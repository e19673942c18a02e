"""The images chosen and their features -> the files of a finished run, verified and listed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.files import write_bytes, write_json, write_text
from lib.base.log import log
from lib.base.run_files import IMAGES, METRICS, SUBMISSION
from lib.kernel.competition.submission import verify_submission, write_images, write_submission
from lib.kernel.config import RANDOM_WEIGHTS, Config
from lib.kernel.metrics.inception import RANDOM_PX
from lib.kernel.report.report import Findings

RANDOM_WARNING = (
    "RANDOM WEIGHTS: the features come from a seeded random network that looks at pictures of "
    f"{RANDOM_PX} px, not from Inception-V3. "
    "They test the machinery; the submission is worthless and its FID says nothing."
)
_NOTE = """submission.csv: {samples:,} rows of Inception-V3 features, images in images.zip.
recipe {recipe}, seed {seed}; features by {extractor}
{warning}"""


def write_outcome(
    output: Path,
    images: np.ndarray,
    features: np.ndarray,
    config: Config,
    extractor: str,
    epoch: int,
) -> None:
    """(n, 3, 32, 32) uint8, (n, 2048) float32 -> submission.csv, its note, images.zip."""
    warning = RANDOM_WARNING if config.weights_file == RANDOM_WEIGHTS else ""
    write_submission(output / SUBMISSION, features)
    facts = {"samples": len(images), "recipe": config.recipe, "seed": config.seed}
    note = _NOTE.format(**facts, extractor=extractor, warning=warning)
    write_text(output / "submission.txt", note.rstrip() + "\n")
    write_images(output / IMAGES, images, comment=warning)
    if config.epoch_fid:
        copy = output / f"submission_epoch_{epoch:03d}.csv"
        write_bytes(copy, (output / SUBMISSION).read_bytes())


def verify_outcome(
    output: Path, config: Config, rows: int, extract: Callable[[np.ndarray], np.ndarray]
) -> float:
    """The files written -> largest deviation of recomputed features, in standard deviations."""
    table, archive = output / SUBMISSION, output / IMAGES
    worst = verify_submission(table, archive, config.samples, rows, config.seed, extract)
    log("verify", f"{rows} rows computed anew differ by at most {worst:.1e} standard deviations")
    return worst


def summarise(metrics: Mapping[str, Any], config: Config) -> str:
    """(metrics, config) -> one sentence on what was made, for the last line of the log."""
    recipe = metrics.get("trained", config.recipe)
    made = f"{config.samples:,} images by recipe {recipe} after {metrics['steps']:,} steps"
    chosen = f", chosen out of {metrics['pool']:,}" if metrics["curated"] else ""
    if config.weights_file == RANDOM_WEIGHTS:
        return f"{made}{chosen}; a trial of the machinery, for random weights measure nothing"
    fid = f"FID {metrics['fid']:.4g} beside a real-real floor of {metrics['floor']:.4g}"
    return f"{made}{chosen}: {fid}"


def write_metrics(output: Path, config: Config, findings: Findings, extractor: str) -> None:
    """Findings -> metrics.json."""
    facts: dict[str, Any] = {
        "recipe": config.recipe,
        "seed": config.seed,
        "samples": config.samples,
        "extractor": extractor,
        "random_weights": config.weights_file == RANDOM_WEIGHTS,
        "warnings": findings.warnings,
    }
    write_json(output / METRICS, {**findings.metrics, **facts})
