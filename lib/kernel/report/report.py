"""What a run has found so far -> report.html, one file that needs no network."""

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import jinja2

from lib.base.files import write_text
from lib.base.log import format_seconds
from lib.kernel.configuration.config import KEYS
from lib.kernel.report.charts import draw_bars, draw_lines
from lib.kernel.report.meanings import DETAILS, ORIGIN, RECIPE, list_terms
from lib.kernel.report.tiles import list_tiles
from lib.kernel.report.verdict import judge_unfinished

PRODUCT = "Kernelpress"
REFRESH_S = 30  # after so long a browser loads the page of a run that goes on again
_HEAD = ("name", "value", "what it means")


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
    training: str = ""  # where the training under way stands, in words; "": none is
    newest: Mapping[str, bytes] = field(default_factory=dict)  # caption -> PNG of its last samples

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
    """Write report.html; the template is the text of kernel_template/report.html.j2.

    The page of a run that is not complete asks the browser to load it again now and then.
    """
    metrics, verdict = findings.metrics, _find_verdict(findings)
    figures = findings.figures if findings.is_complete else {**findings.newest, **findings.figures}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(template).render(
        title=findings.title,
        subtitle=_describe_state(findings),
        recipe=RECIPE,
        refresh_s=0 if findings.is_complete else REFRESH_S,
        verdict=verdict,
        terms=list_terms(metrics),
        warnings=[one for one in findings.warnings if f"{one}." not in verdict["reasons"]],
        tiles=list_tiles(metrics, bool(findings.provenance.get("random_weights"))),
        score_notes=metrics.get("score_notes", []),
        figures=[
            {"caption": caption, "png": base64.b64encode(png).decode()}
            for caption, png in figures.items()
        ],
        charts=_draw_charts(findings),
        tables=_list_tables(findings),
    )
    write_text(path, page)


def _find_verdict(findings: Findings) -> Mapping[str, Any]:
    """Findings -> the verdict as metrics.json has it; of a run that goes on, what is known now."""
    if findings.is_complete:
        unknown = {"answer": "", "words": "", "reasons": []}
        return findings.metrics.get("verdict", unknown)
    return judge_unfinished(bool(findings.training), findings.stage).as_dict()


def _describe_state(findings: Findings) -> str:
    seconds = sum(findings.metrics.get("seconds", {}).values())
    if findings.is_complete:
        return f"Complete after {format_seconds(seconds)}."
    if findings.training:
        renews = f"This page loads itself again every {REFRESH_S} s; refresh it for the newest."
        return f"Live: {findings.training}. {renews}"
    return f"Not complete: the last stage that ended is {findings.stage!r}. This is what there is."


def draw_training(
    history: Sequence[Mapping[str, float]], metrics: Mapping[str, Any]
) -> list[dict[str, str]]:
    """(records of a training, metrics) -> charts of its losses and FIDs, as far as there are."""
    charts: list[dict[str, str]] = []
    other = {"step", "epoch", "seconds"}
    names = list(dict.fromkeys(key for row in history for key in row if key not in other))
    curves = {name: [(row["step"], row[name]) for row in history if name in row] for name in names}
    losses = {name: points for name, points in curves.items() if not name.startswith("fid")}
    for is_log in (True, False):
        own = {name: points for name, points in losses.items() if _is_positive(points) == is_log}
        svg = draw_lines(own, "step", "loss", log_y=is_log)
        _add_chart(charts, svg, _describe_losses(own, losses, is_log))
    scores = {name: points for name, points in curves.items() if name.startswith("fid")}
    svg = draw_lines(scores, "step", "FID", log_y=True)
    _add_chart(charts, svg, f"FID over time, lower is better.{_describe_judging(metrics)}")
    return charts


def _is_positive(points: Sequence[tuple[float, float]]) -> bool:
    return all(value > 0 for _, value in points)


def _describe_losses(own: Iterable[str], losses: Collection[str], is_log: bool) -> str:
    """(losses of a chart, all losses, whether its axis is logarithmic) -> its caption."""
    scale = "logarithmic axis" if is_log else "linear axis, for some are negative"
    caption = f"Training losses, what each step makes smaller ({scale})."
    if "critic" not in own:
        return caption
    told = "The critic's gap is its mean score of real less that of fake images"
    gap = ": the critic's loss of a WGAN with its sign turned." if "penalty" in losses else "."
    return f"{caption} {told}{gap}"


def _draw_charts(findings: Findings) -> list[dict[str, str]]:
    charts = draw_training(findings.history, findings.metrics)
    chosen = {"FID": [(float(number), fid) for number, fid in findings.curation]}
    svg = draw_lines(chosen, "round", "FID", log_y=True)
    _add_chart(charts, svg, "Curation: FID of the images chosen so far, by rounds of exchanges.")
    spectra = {  # radius 0 is the mean, which the spectrum leaves out
        name: list(enumerate(power))[1:] for name, power in findings.spectra.items()
    }
    svg = draw_lines(spectra, "cycles a picture", "power", log_y=True)
    _add_chart(
        charts,
        svg,
        "Radial power spectrum of the pixels: how much is coarse (left) and fine (right).",
    )
    pixels = findings.metrics.get("details", {}).get("pixels")
    if pixels:
        _add_chart(
            charts, draw_bars(pixels, ""), "Pixels: shares and moments, 0 to 1; like bars are good."
        )
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
    tables: list[dict[str, Any]] = []
    if "kept" in metrics:
        reasons = sorted(metrics.get("rejected_by_reason", {}).items(), key=lambda pair: -pair[1])
        rows = [("kept", f"{metrics['kept']:,}"), *((name, f"{n:,}") for name, n in reasons)]
        rows += [(f"note: {name}", f"{n:,}") for name, n in metrics.get("notes", {}).items()]
        head = ("kept, or why not", "records")
        tables.append({"title": "Records", "head": head, "rows": rows})
    if metrics.get("details"):
        details = metrics["details"].items()
        more = [
            (name, _format(value), DETAILS.get(name, ""))
            for name, value in details
            if name != "pixels" and value is not None
        ]
        tables.append({"title": "More metrics", "head": _HEAD, "rows": more})
    if metrics.get("candidates"):
        rows = [(recipe, _format(keys)) for recipe, keys in metrics["candidates"].items()]
        title = "What each candidate would run with"
        tables.append({"title": title, "head": ("recipe", "settings"), "rows": rows})
    config = [(key, _format(value), _explain(key)) for key, value in findings.config.items()]
    tables.append({"title": "Configuration", "head": _HEAD, "rows": config})
    source = [
        (key, _format(value), ORIGIN.get(key, "")) for key, value in findings.provenance.items()
    ]
    tables.append({"title": "Provenance", "head": _HEAD, "rows": source})
    return [{"numeric": table["title"] == "Records", **table} for table in tables if table["rows"]]


def _explain(key: str) -> str:
    """A key of CONFIG -> its unit and meaning."""
    return f"{KEYS[key].unit}: {KEYS[key].words}" if key in KEYS else ""


def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_format(inner)}" for key, inner in value.items())
    return str(value)
