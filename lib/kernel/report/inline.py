"""Pictures, curves and the report of a run -> outputs of the notebook's cell that runs it.

Outside of a notebook (in a plain script, in a process that the run starts) nothing is shown.
"""

import base64
import sys
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lib.base.run_files import REPORT
from lib.kernel.report.report import draw_training

_EVERY_S = 2.0  # between two updates of one training's curves
_GRID_PX = 360  # a grid of 40 images is then about as high as a screen
_COLOURS = ("#2563eb", "#d9480f", "#0f8a5f", "#9333ea", "#b58105", "#be185d")  # the report's
_STYLE = "".join(
    [
        ".kernel-run { font: 13px sans-serif; color: #1c1f24; background: #fff; padding: 8px; }",
        ".kernel-run .row { display: flex; flex-wrap: wrap; gap: 16px; }",
        ".kernel-run figure { margin: 0; width: 560px; } .kernel-run p { margin: 4px 0; }",
        ".kernel-run img { image-rendering: pixelated; max-width: 100%; }",
        ".kernel-run svg text { fill: #5b6470; font-size: 11px; }",
        ".kernel-run .end { text-anchor: end; } .kernel-run .mid { text-anchor: middle; }",
        ".kernel-run .rule { stroke: #dde1e6; } .kernel-run .key { margin-right: 16px; }",
        ".kernel-run .series { fill: none; stroke-width: 1.8; }",
        '.kernel-run .key::before { content: "\\25ac"; margin-right: 4px; }',
        *(
            f".kernel-run .s{k} {{ stroke: {colour}; }}"
            f".kernel-run .k{k}::before {{ color: {colour}; }}"
            for k, colour in enumerate(_COLOURS)
        ),
    ]
)


class InlineViewer:
    """Shows a run in the output of the cell that runs it."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[Any, float]] = {}  # recipe -> its output, when it was drawn

    def show_figures(self, figures: Mapping[str, bytes]) -> None:
        """Show pictures, caption -> PNG, each once."""
        if not _is_notebook():
            return
        from IPython.display import HTML, Image, display

        for caption, png in figures.items():
            display(HTML(f"<p>{escape(caption)}</p>"), Image(png, width=_GRID_PX))

    def show_training(
        self,
        recipe: str,
        history: Sequence[Mapping[str, float]],
        newest: Mapping[str, bytes],
        is_last: bool,
    ) -> None:
        """Draw a recipe's training, anew in one place as it goes on: curves, newest samples."""
        handle, drawn_at = self._shown.get(recipe, (None, float("-inf")))
        now = time.monotonic()
        if not history or not _is_notebook() or (not is_last and now - drawn_at < _EVERY_S):
            return
        from IPython.display import HTML, display

        page = HTML(draw_curves(recipe, history, newest))
        if handle is None:
            handle = display(page, display_id=True)
        else:
            handle.update(page)
        self._shown[recipe] = handle, now


def draw_curves(
    recipe: str, history: Sequence[Mapping[str, float]], newest: Mapping[str, bytes]
) -> str:
    """(recipe, records of its training, caption -> PNG of its newest samples) -> HTML of both."""
    last = history[-1]
    head = f"Training of {recipe}: step {last['step']:,.0f}, {last['seconds']:,.0f} s"
    parts = [
        f"{chart['svg']}<p>{escape(chart['caption'])}</p>" for chart in draw_training(history, {})
    ]
    for caption, png in newest.items():
        text = base64.b64encode(png).decode()
        image = f'<img src="data:image/png;base64,{text}" width="{_GRID_PX}" alt="samples">'
        parts.append(f"{image}<p>{escape(caption)}</p>")
    figures = "".join(f"<figure>{part}</figure>" for part in parts)
    return (
        f'<style>{_STYLE}</style><div class="kernel-run"><p><b>{escape(head)}</b></p>'
        f'<div class="row">{figures}</div></div>'
    )


def frame_report(output: Path) -> str:
    """An output folder -> HTML that shows its report in a frame, so that its style stays inside."""
    path = output / REPORT
    if not path.is_file():
        return f"<p>{escape(str(path))} is not there: the run wrote no report.</p>"
    page = escape(path.read_text(encoding="utf-8"))
    style = "width: 100%; height: 900px; border: 1px solid #dde1e6"
    return f'<div><iframe srcdoc="{page}" title="report" style="{style}"></iframe></div>'


def _is_notebook() -> bool:
    """Tell whether this process is a notebook's, whose cells can show more than text."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
