"""What a finished run says of itself: metrics.json and the last line of the log."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.base.files import write_json
from lib.base.run_files import METRICS
from lib.kernel.configuration.config import RANDOM_WEIGHTS, Config
from lib.kernel.report.report import Findings


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
    """Write metrics.json."""
    facts: dict[str, Any] = {
        "recipe": config.recipe,
        "seed": config.seed,
        "samples": config.samples,
        "extractor": extractor,
        "random_weights": config.weights_file == RANDOM_WEIGHTS,
        "warnings": findings.warnings,
    }
    write_json(output / METRICS, {**findings.metrics, **facts})
