"""What a notebook shows of a run: tests/kernel/test_run_notebook.py runs a whole one."""

import base64
import html
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import IPython.display
import numpy as np
import pytest

from lib.base.image_grid import write_grid
from lib.kernel.report import inline
from lib.kernel.report.inline import InlineViewer, draw_curves, frame_report

HISTORY = [{"step": k, "seconds": 2.0 * k, "loss": 1 / k, "fid": 2 / k} for k in (1, 2, 3)]


class Shown:
    """Stands for the notebook's front end: what was displayed, and how often it was replaced."""

    def __init__(self) -> None:
        self.pages: list[Any] = []
        self.updates: list[Any] = []

    def display(self, *pages: Any, display_id: bool = False) -> "Shown":
        """As IPython.display.display."""
        self.pages += pages
        return self

    def update(self, page: Any) -> None:
        """As a handle of it."""
        self.updates.append(page)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A process that looks like a notebook's."""
    shown = Shown()
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr(IPython.display, "display", shown.display)
    return shown


def test_curves_are_drawn_in_one_place_for_each_recipe(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = InlineViewer()
    viewer.show_training("pixel", [], {}, False)  # nothing is recorded yet
    viewer.show_training("pixel", HISTORY[:1], {}, False)
    viewer.show_training("pixel", HISTORY[:2], {}, False)  # too soon
    viewer.show_training("edm", HISTORY[:1], {}, False)
    assert (len(shown.pages), len(shown.updates)) == (2, 0)
    viewer.show_training("pixel", HISTORY, {}, True)  # the last one is never too soon
    assert "step 3, 6 s" in shown.updates[0].data
    monkeypatch.setattr(inline, "_EVERY_S", 0.0)
    viewer.show_training("pixel", HISTORY, {}, False)
    assert (len(shown.pages), len(shown.updates)) == (2, 2)


def test_curves_need_no_style_of_the_page_and_show_the_newest_samples() -> None:
    page = draw_curves("a & b", HISTORY, {})
    HTMLParser().feed(page)
    assert (page.count("<svg"), page.count("<img"), "a &amp; b" in page) == (2, 0, True)
    rules = page.partition("</style>")[0].removeprefix("<style>").split("}")
    assert all(".kernel-run" in rule for rule in rules if rule.strip())  # nothing leaks
    page = draw_curves("first-seed", HISTORY, {"Newest <samples>": b"png"})
    assert (page.count("<img"), "Newest &lt;samples&gt;" in page) == (1, True)
    assert base64.b64encode(b"png").decode() in page


def test_figures_are_shown_as_pictures_with_captions(shown: Shown, tmp_path: Path) -> None:
    write_grid(tmp_path / "a.png", np.zeros((1, 1, 8, 8), np.uint8))
    png = (tmp_path / "a.png").read_bytes()
    InlineViewer().show_figures({"Real <images>": png})
    caption, picture = shown.pages
    assert caption.data == "<p>Real &lt;images&gt;</p>"
    assert picture.data == png


@pytest.mark.parametrize("where", ["without IPython", "outside of a shell", "in a terminal"])
def test_elsewhere_than_in_a_notebook_nothing_is_shown(
    where: str, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace() if where == "in a terminal" else None
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    if where == "without IPython":
        monkeypatch.delitem(sys.modules, "IPython")
    viewer = InlineViewer()
    viewer.show_figures({"caption": b"png"})
    viewer.show_training("pixel", HISTORY, {}, True)
    assert shown.pages == []


def test_the_report_is_framed_whole_and_its_absence_told(tmp_path: Path) -> None:
    assert "wrote no report" in frame_report(tmp_path)
    report = '<!doctype html><p class="a">5 > 3 & "so on"</p>'
    (tmp_path / "report.html").write_text(report)
    framed = frame_report(tmp_path)
    text = framed.partition('srcdoc="')[2].partition('"')[0]
    assert html.unescape(text) == report
    assert "<p" not in framed
