"""What a run has found so far -> report.html, one file that needs no network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import jinja2

from lib.base.files import write_text
from lib.base.log import format_seconds
from lib.kernel.report.charts import draw_bars, draw_lines


@dataclass
class Findings:
    """What the stages have told so far; a run that was cut short reports what there is."""

    title: str
    config: Mapping[str, Any]
    stage: str = "start"  # the last stage that ended
    is_complete: bool = False
    warnings: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)  # what metrics.json will hold
    history: Sequence[Mapping[str, float]] = ()  # training: step, epoch, seconds, losses, fid
    curation: Sequence[tuple[int, float]] = ()  # round, FID
    spectra: Mapping[str, Sequence[float]] = field(default_factory=dict)  # whose -> power
    figures: dict[str, bytes] = field(default_factory=dict)  # caption -> PNG
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def add(self, found: "Found") -> None:
        """Add what a stage found; of two values with one name the newer counts."""
        self.metrics |= found.metrics
        if found.notes:
            self.metrics["score_notes"] = [*self.metrics.get("score_notes", []), *found.notes]
        self.figures |= found.figures
        added = ("metrics", "notes", "figures")
        for name in (item.name for item in fields(found) if item.name not in added):
            if (value := getattr(found, name)) is not None:
                setattr(self, name, value)


@dataclass(frozen=True)
class Found:
    """What one stage found."""

    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()  # sentences beside the score
    figures: Mapping[str, bytes] = field(default_factory=dict)  # caption -> PNG
    history: Sequence[Mapping[str, float]] | None = None
    curation: Sequence[tuple[int, float]] | None = None
    spectra: Mapping[str, Sequence[float]] | None = None
    provenance: Mapping[str, Any] | None = None


def write_report(path: Path, template: str, findings: Findings) -> None:
    """Write report.html; the template is the text of kernel_template/report.html.j2."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(template).render(
        title=findings.title,
        subtitle=_describe_state(findings),
        warnings=findings.warnings,
        tiles=_list_tiles(findings.metrics),
        score_notes=findings.metrics.get("score_notes", []),
        figures=[
            {"caption": caption, "png": base64.b64encode(png).decode()}
            for caption, png in findings.figures.items()
        ],
        charts=_draw_charts(findings),
        tables=_list_tables(findings),
    )
    write_text(path, page)


def _describe_state(findings: Findings) -> str:
    seconds = sum(findings.metrics.get("seconds", {}).values())
    if findings.is_complete:
        return f"Complete after {format_seconds(seconds)}."
    return f"Not complete: the last stage that ended is {findings.stage!r}. This is what there is."


def _list_tiles(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    tiles = []
    metrics = {**metrics.get("details", {}), **metrics}  # extra metrics may have tiles as well
    for key, label, note in (
        ("fid", "FID of the submission", "lower is better"),
        ("fid_random", "FID of a random draw", "the generator's own quality"),
        ("fid_held_out", "FID, held-out half", "statistics that the choice never saw"),
        ("floor_half", "Its floor", _describe_floor(metrics, "floor_half")),
        ("fid_unseen", "FID, unseen real images", "no generator was trained on them"),
        ("fid_unseen_random", "FID, unseen, random draw", "the generator's own, not curated"),
        ("floor_unseen", "Floor, unseen", _describe_floor(metrics, "floor_unseen")),
        ("mifid", "MiFID", _describe_memorisation(metrics)),
        ("floor", "Real-real floor", _describe_floor(metrics, "floor")),
        ("excess", "Excess over the floor", "FID less floor"),
    ):
        if metrics.get(key) is not None:
            error = metrics.get(f"{key}_se")
            spread = f"± {error:.2g}; " if error is not None else ""
            tiles.append({"label": label, "value": f"{metrics[key]:.4g}", "note": spread + note})
    return tiles


def _describe_floor(metrics: Mapping[str, Any], name: str) -> str:
    """Metrics, the floor's key -> how many real images stand for generated ones, against which."""
    sizes = [metrics.get(f"{name}_{end}") for end in ("size", "against")]
    if None in sizes:
        return "as many real images"
    guess = ", a guess: there are too few" if metrics.get("excess", 0.0) is None else ""
    return f"{sizes[0]:,} real images against {sizes[1]:,} others{guess}"


def _describe_memorisation(metrics: Mapping[str, Any]) -> str:
    """Metrics and details -> the memorisation distance in MiFID, and to how many images."""
    if "memorisation_distance" not in metrics:
        return ""
    own, real = (metrics[f"memorisation_distance{end}"] for end in ("", "_real"))
    against = f"{metrics['memorisation_against']:,} training images"
    return f"memorisation distance {own:.3g} to {against}, of real ones {real:.3g}"


def draw_training(
    history: Sequence[Mapping[str, float]], metrics: Mapping[str, Any]
) -> list[dict[str, str]]:
    """(records of a training, metrics) -> charts of its losses and FIDs, as far as there are."""
    charts: list[dict[str, str]] = []
    other = {"step", "epoch", "seconds"}
    names = list(dict.fromkeys(key for row in history for key in row if key not in other))
    curves = {name: [(row["step"], row[name]) for row in history if name in row] for name in names}
    losses = {name: points for name, points in curves.items() if not name.startswith("fid")}
    told = "Training losses. The critic's gap is its mean score of real less that of fake images"
    gap = ": the critic's loss of a WGAN with its sign turned." if "penalty" in losses else "."
    caption = f"{told}{gap}" if "critic" in losses else "Training losses."
    _add_chart(charts, draw_lines(losses, "step", "loss"), caption)
    scores = {name: points for name, points in curves.items() if name.startswith("fid")}
    svg = draw_lines(scores, "step", "FID", log_y=True)
    _add_chart(charts, svg, f"FID over time.{_describe_judging(metrics)}")
    return charts


def _draw_charts(findings: Findings) -> list[dict[str, str]]:
    charts = draw_training(findings.history, findings.metrics)
    chosen = {"FID": [(float(number), fid) for number, fid in findings.curation]}
    _add_chart(charts, draw_lines(chosen, "round", "FID"), "FID of the chosen images.")
    spectra = {  # radius 0 is the mean, which the spectrum leaves out
        name: list(enumerate(power))[1:] for name, power in findings.spectra.items()
    }
    svg = draw_lines(spectra, "cycles a picture", "power", log_y=True)
    _add_chart(charts, svg, "Radial power spectrum of the pixels.")
    pixels = findings.metrics.get("details", {}).get("pixels")
    if pixels:
        _add_chart(charts, draw_bars(pixels, ""), "Pixels: shares and moments, 0 to 1.")
    seconds = findings.metrics.get("seconds", {})
    if seconds:
        _add_chart(charts, draw_bars({"seconds": seconds}, "s"), "Seconds of each stage.")
    return charts


def _describe_judging(metrics: Mapping[str, Any]) -> str:
    """Metrics -> what the FIDs in training were measured by and what they chose."""
    judged = metrics.get("judged") or {}
    words = f" Chosen: {metrics['weights']}." if "weights" in metrics else ""
    if "images" not in judged:
        return words
    sizes = f" Of each average of the weights, by {judged['images']:,.0f} samples"
    error = judged.get("fast_error")
    path = "" if error is None else f", on a fast path that is {error:+.3g} off"
    return f"{sizes}{path}, against half of the real images.{words}"


def _add_chart(charts: list[dict[str, str]], svg: str, caption: str) -> None:
    if svg:
        charts.append({"svg": svg, "caption": caption})


def _list_tables(findings: Findings) -> list[dict[str, Any]]:
    metrics = findings.metrics
    tables = []
    if "kept" in metrics:
        reasons = sorted(metrics.get("rejected_by_reason", {}).items(), key=lambda pair: -pair[1])
        rows = [("kept", f"{metrics['kept']:,}"), *((name, f"{n:,}") for name, n in reasons)]
        rows += [(f"note: {name}", f"{n:,}") for name, n in metrics.get("notes", {}).items()]
        tables.append({"title": "Records", "head": ("reason", "records"), "rows": rows})
    if metrics.get("details"):
        details = metrics["details"].items()
        rows = [
            (name, _format(value))
            for name, value in details
            if name != "pixels" and value is not None
        ]
        tables.append({"title": "More metrics", "head": (), "rows": rows})
    if metrics.get("candidates"):
        rows = [(recipe, _format(keys)) for recipe, keys in metrics["candidates"].items()]
        title = "What each candidate would run with"
        tables.append({"title": title, "head": (), "rows": rows})
    config = [(key, _format(value)) for key, value in findings.config.items()]
    tables.append({"title": "Configuration", "head": (), "rows": config})
    source = [(key, _format(value)) for key, value in findings.provenance.items()]
    tables.append({"title": "Provenance", "head": (), "rows": source})
    return [{"numeric": table["title"] == "Records", **table} for table in tables if table["rows"]]


def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_format(inner)}" for key, inner in value.items())
    return str(value)
