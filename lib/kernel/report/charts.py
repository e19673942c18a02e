"""Series of points -> a line or bar chart as SVG text that follows the page's theme."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 34
_MOST_TICKS = 7

Points = Sequence[tuple[float, float]]


def draw_lines(
    series: Mapping[str, Points], x_label: str, y_label: str, log_y: bool = False
) -> str:
    """({name: [(x, y), ...]}, axis labels) -> SVG; points that are not finite are left out."""
    kept = {
        name: [
            (x, math.log10(y) if log_y else y)
            for x, y in points
            if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)
        ]
        for name, points in series.items()
    }
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return ""
    every = [point for points in kept.values() for point in points]
    x_low, x_high = _widen(min(x for x, _ in every), max(x for x, _ in every))
    y_low, y_high = _widen(min(y for _, y in every), max(y for _, y in every))

    def place(x: float, y: float) -> tuple[float, float]:
        right = _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM)
        return right, down

    parts = [*_draw_axes(x_low, x_high, y_low, y_high, log_y), *_draw_labels(x_label, y_label)]
    for number, (name, points) in enumerate(kept.items()):
        path = " ".join(f"{right:.1f},{down:.1f}" for right, down in (place(*p) for p in points))
        style = f'class="series s{number % 6}"'
        if len(points) == 1:
            right, down = place(*points[0])
            parts.append(f'<circle {style} cx="{right:.1f}" cy="{down:.1f}" r="3"/>')
        parts.append(f'<polyline {style} points="{path}"><title>{escape(name)}</title></polyline>')
    return _wrap(parts, f"{y_label} over {x_label}") + _draw_legend(list(kept))


def draw_bars(groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """({series name: {label: value >= 0}}, unit) -> SVG of horizontal bars."""
    labels = list(dict.fromkeys(label for values in groups.values() for label in values))
    longest = max((v for values in groups.values() for v in values.values()), default=0) or 1.0
    left, row, gap = 150, 16, 8
    parts, down = [], 4
    for label in labels:
        middle = down + row * len(groups) / 2 + 4
        parts.append(f'<text x="{left - 8}" y="{middle:.0f}" class="end">{escape(label)}</text>')
        for number, values in enumerate(groups.values()):
            value = values.get(label, 0.0)
            length = value / longest * (_WIDTH - left - 90)
            place = f'x="{left}" y="{down}" width="{length:.1f}" height="{row - 3}"'
            parts.append(f'<rect class="bar b{number % 6}" {place}/>')
            text = f"{value:,.4g} {unit}".strip()
            parts.append(f'<text x="{left + length + 6:.1f}" y="{down + 11}">{text}</text>')
            down += row
        down += gap
    legend = _draw_legend(list(groups)) if len(groups) > 1 else ""
    return _wrap(parts, "bars", height=down) + legend


def _widen(low: float, high: float) -> tuple[float, float]:
    """A range -> the same, or one about it where it is a single point."""
    if high > low:
        return low, high
    margin = abs(low) * 0.1 or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """A range -> three to seven round numbers within it."""
    step = 10 ** math.floor(math.log10((high - low) / 2))
    while (high - low) / step > 6:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def list_log_ticks(low: float, high: float) -> list[float]:
    """A range of values above 0 -> two to seven round values in it, for a logarithmic axis.

    They are powers of ten where the range is long, and 1, 2 and 5 times these where it is shorter.
    Within a small part of a decade a logarithmic axis is nearly linear, and so are its values.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 5), (1, 2, 5)):
        every = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        within = [value for value in every if low <= value <= high]
        if len(within) > _MOST_TICKS:
            return within[:: -(-len(within) // _MOST_TICKS)]
        if len(within) >= 3:
            return within
    return [value for value in _ticks(low, high) if value > 0] if high > low else [low]


def _format_tick(value: float) -> str:
    rounded = float(f"{value:.4g}")
    return (
        f"{rounded:,.4f}".rstrip("0").rstrip(".") if 1e-3 <= abs(rounded) < 1e6 else f"{rounded:g}"
    )


def _draw_axes(x_low: float, x_high: float, y_low: float, y_high: float, log_y: bool) -> list[str]:
    parts = []
    bottom, right_end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    if log_y:
        y_ticks = [math.log10(value) for value in list_log_ticks(10**y_low, 10**y_high)]
    else:
        y_ticks = _ticks(y_low, y_high)
    for y in y_ticks:
        down = bottom - (y - y_low) / (y_high - y_low) * (bottom - _TOP)
        parts.append(
            f'<line class="rule" x1="{_LEFT}" x2="{right_end}" y1="{down:.1f}" y2="{down:.1f}"/>'
        )
        text = _format_tick(10**y if log_y else y)
        parts.append(f'<text x="{_LEFT - 6}" y="{down + 4:.1f}" class="end">{text}</text>')
    for x in _ticks(x_low, x_high):
        right = _LEFT + (x - x_low) / (x_high - x_low) * (right_end - _LEFT)
        parts.append(f'<text x="{right:.1f}" y="{bottom + 14}" class="mid">{x:,.6g}</text>')
    return parts


def _draw_labels(x_label: str, y_label: str) -> list[str]:
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return [
        f'<text x="{middle:.0f}" y="{_HEIGHT - 4}" class="mid">{escape(x_label)}</text>',
        f'<text transform="translate(11 {_HEIGHT / 2 - 10:.0f}) rotate(-90)" class="mid">'
        f"{escape(y_label)}</text>",
    ]


def _draw_legend(names: list[str]) -> str:
    keys = "".join(f'<span class="key k{k % 6}">{escape(n)}</span>' for k, n in enumerate(names))
    return f'<p class="legend">{keys}</p>'


def _wrap(parts: list[str], title: str, height: float = _HEIGHT) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
    return head + "".join(parts) + "</svg>"
